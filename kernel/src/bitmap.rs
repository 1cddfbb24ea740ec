//! Which of a run of numbered things (page frames, stacks) are free: one bit each, first fit from a moving hint. Pure, so that
//! its tests run on the host.

/// Frames, or other things, numbered from zero; a set bit is one in use.
pub struct Bitmap<'a> {
    words: &'a mut [u64],
    frames: usize,
    free: usize,
    hint: usize,
}

impl<'a> Bitmap<'a> {
    /// All `frames` in use, to be opened by [`release`](Self::release). `words` has a bit for each.
    pub fn new(words: &'a mut [u64], frames: usize) -> Self {
        assert!(words.len() * 64 >= frames);
        words.fill(!0);
        Self { words, frames, free: 0, hint: 0 }
    }

    /// Words that a map of `frames` needs.
    pub const fn words_for(frames: usize) -> usize {
        frames.div_ceil(64)
    }

    /// How many frames are free.
    pub fn free(&self) -> usize {
        self.free
    }

    /// Takes `count` consecutive frames, the first a multiple of `align` (a power of two); none if there is no such run.
    pub fn take(&mut self, count: usize, align: usize) -> Option<usize> {
        let first = self.find(self.hint, self.frames, count, align).or_else(|| {
            let end = (self.hint + count).min(self.frames);
            self.find(0, end, count, align)
        })?;
        for frame in first..first + count {
            self.words[frame / 64] |= 1 << (frame % 64);
        }
        self.free -= count;
        self.hint = first + count;
        Some(first)
    }

    /// Gives back `count` frames from `first`, all of them in use.
    pub fn release(&mut self, first: usize, count: usize) {
        assert!(first + count <= self.frames, "frame {first}+{count} of {}", self.frames);
        for frame in first..first + count {
            assert!(self.in_use(frame), "frame {frame} is free already");
            self.words[frame / 64] &= !(1 << (frame % 64));
        }
        self.free += count;
        self.hint = self.hint.min(first);
    }

    /// Takes one particular frame out, whether or not it was free.
    pub fn reserve(&mut self, frame: usize) {
        if frame < self.frames && !self.in_use(frame) {
            self.words[frame / 64] |= 1 << (frame % 64);
            self.free -= 1;
        }
    }

    fn in_use(&self, frame: usize) -> bool {
        self.words[frame / 64] & (1 << (frame % 64)) != 0
    }

    fn find(&self, from: usize, to: usize, count: usize, align: usize) -> Option<usize> {
        let mut first = from.next_multiple_of(align);
        while first + count <= to {
            if self.words[first / 64] == !0 {
                first = ((first / 64 + 1) * 64).next_multiple_of(align);
                continue;
            }
            match (first..first + count).rev().find(|&frame| self.in_use(frame)) {
                None => return Some(first),
                Some(used) => first = (used + 1).next_multiple_of(align),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_in_use_until_released() {
        let mut words = [0; 3];
        let mut bitmap = Bitmap::new(&mut words, 130);
        assert_eq!(bitmap.take(1, 1), None);
        bitmap.release(0, 130);
        assert_eq!(bitmap.free(), 130);
        assert_eq!((0..130).filter_map(|_| bitmap.take(1, 1)).collect::<Vec<_>>(), (0..130).collect::<Vec<_>>());
        assert_eq!((bitmap.take(1, 1), bitmap.free()), (None, 0));
    }

    #[test]
    fn runs_are_aligned_and_wrap_round() {
        let mut words = [0; 2];
        let mut bitmap = Bitmap::new(&mut words, 128);
        bitmap.release(0, 128);
        assert_eq!(bitmap.take(3, 1), Some(0));
        assert_eq!(bitmap.take(16, 16), Some(16));
        assert_eq!(bitmap.take(96, 32), Some(32));
        bitmap.release(16, 16);
        assert_eq!(bitmap.take(29, 1), Some(3));
        assert_eq!(bitmap.free(), 0);
    }

    #[test]
    fn a_reserved_frame_is_not_handed_out() {
        let mut words = [0; 1];
        let mut bitmap = Bitmap::new(&mut words, 4);
        bitmap.release(0, 4);
        bitmap.reserve(1);
        bitmap.reserve(1);
        assert_eq!((bitmap.take(2, 1), bitmap.take(1, 1), bitmap.free()), (Some(2), Some(0), 0));
    }

    #[test]
    #[should_panic(expected = "free already")]
    fn releasing_twice_is_refused() {
        let mut words = [0; 1];
        let mut bitmap = Bitmap::new(&mut words, 4);
        bitmap.release(0, 4);
        bitmap.release(2, 1);
    }
}
