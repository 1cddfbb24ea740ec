//! The bytes in a pipe: 64 KiB at most, in pages that are there once they were needed. Pure; its tests run on the host.

use alloc::vec::Vec;

use super::page::{NoSpace, Page};
use crate::regions::PAGE_SIZE;

const PAGES: usize = 16;
/// How many bytes fit.
pub const CAPACITY: usize = PAGES * PAGE_SIZE;

/// Bytes, first in, first out.
pub struct Ring {
    pages: [Option<Page>; PAGES],
    start: usize,
    length: usize,
    /// What was put back, and found its place taken: comes before all else.
    returned: Vec<u8>,
}

impl Ring {
    /// Nothing.
    pub const fn new() -> Self {
        Self { pages: [const { None }; PAGES], start: 0, length: 0, returned: Vec::new() }
    }

    /// How many bytes there are.
    pub fn length(&self) -> usize {
        self.returned.len() + self.length
    }

    /// How many bytes there is room for.
    pub fn room(&self) -> usize {
        CAPACITY.saturating_sub(self.length())
    }

    /// Takes out what there is, as far as `to` has room.
    pub fn read(&mut self, to: &mut [u8]) -> usize {
        let count = to.len().min(self.returned.len());
        let (first, rest) = to.split_at_mut(count);
        first.copy_from_slice(&self.returned[..count]);
        self.returned.drain(..count);
        if self.returned.is_empty() {
            self.returned = Vec::new();
        }
        count + self.read_pages(rest)
    }

    fn read_pages(&mut self, to: &mut [u8]) -> usize {
        let count = to.len().min(self.length);
        let mut done = 0;
        while done < count {
            let (page, within) = place(self.start + done);
            let piece = (PAGE_SIZE - within).min(count - done);
            if let Some(page) = &self.pages[page] {
                to[done..done + piece].copy_from_slice(&page.bytes()[within..within + piece]);
            }
            done += piece;
        }
        self.length -= count;
        // Whoever sends little at a time needs one page only.
        self.start = if self.length == 0 { 0 } else { (self.start + count) % CAPACITY };
        count
    }

    /// Puts in what there is room for; NoSpace if there is no memory for any of it.
    pub fn write(&mut self, from: &[u8]) -> Result<usize, NoSpace> {
        let count = from.len().min(self.room());
        let done = self.put(self.start + self.length, &from[..count])?;
        self.length += done;
        Ok(done)
    }

    /// Puts what was just read back in front, as far as there is memory for it: a writer may have filled its place meanwhile.
    pub fn unread(&mut self, bytes: &[u8]) {
        if self.returned.is_empty() && bytes.len() <= self.room() {
            let start = self.start + CAPACITY - bytes.len();
            if self.put(start, bytes) == Ok(bytes.len()) {
                self.start = start % CAPACITY;
                self.length += bytes.len();
                return;
            }
        }
        if self.returned.try_reserve(bytes.len()).is_ok() {
            self.returned.splice(..0, bytes.iter().copied());
        }
    }

    fn put(&mut self, at: usize, from: &[u8]) -> Result<usize, NoSpace> {
        let mut done = 0;
        while done < from.len() {
            let (page, within) = place(at + done);
            let piece = (PAGE_SIZE - within).min(from.len() - done);
            let page = match &mut self.pages[page] {
                Some(page) => page,
                none => match Page::new() {
                    Ok(page) => none.insert(page),
                    Err(NoSpace) if done > 0 => break,
                    Err(NoSpace) => return Err(NoSpace),
                },
            };
            page.bytes_mut()[within..within + piece].copy_from_slice(&from[done..done + piece]);
            done += piece;
        }
        Ok(done)
    }
}

/// The page of a place, and the place in it.
fn place(at: usize) -> (usize, usize) {
    (at / PAGE_SIZE % PAGES, at % PAGE_SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[test]
    fn takes_no_more_than_it_holds() {
        let mut ring = Ring::new();
        assert_eq!(ring.write(&vec![1; CAPACITY + 5]), Ok(CAPACITY));
        assert_eq!((ring.write(&[2]), ring.room(), ring.length()), (Ok(0), 0, CAPACITY));
        assert_eq!(ring.read(&mut vec![0; CAPACITY + 5]), CAPACITY);
        assert_eq!(ring.read(&mut [0]), 0);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Write(Vec<u8>),
        Read(usize),
        Refuse(usize, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (any::<u8>(), 0..50_000_usize)
                .prop_map(|(byte, count)| Step::Write((0..count).map(|n| byte ^ n as u8).collect())),
            (0..70_000_usize).prop_map(Step::Read),
            (0..10_000_usize, 0..70_000_usize).prop_map(|(count, meanwhile)| Step::Refuse(count, meanwhile)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn it_is_a_queue(steps in prop::collection::vec(step(), 1..20)) {
            let (mut ring, mut queue) = (Ring::new(), VecDeque::new());
            for step in steps {
                match step {
                    Step::Write(bytes) => {
                        let count = ring.write(&bytes).unwrap();
                        prop_assert_eq!(count, bytes.len().min(CAPACITY.saturating_sub(queue.len())));
                        queue.extend(&bytes[..count]);
                    }
                    Step::Read(count) => {
                        let mut bytes = vec![0; count];
                        let got = ring.read(&mut bytes);
                        prop_assert_eq!(&bytes[..got], &queue.drain(..count.min(queue.len())).collect::<Vec<_>>()[..]);
                    }
                    Step::Refuse(count, meanwhile) => {
                        let mut bytes = vec![0; count];
                        let got = ring.read(&mut bytes);
                        let more = vec![7; meanwhile];
                        let written = ring.write(&more).unwrap();
                        queue.extend(&more[..written]);
                        ring.unread(&bytes[..got]);
                    }
                }
                prop_assert_eq!(ring.length(), queue.len());
            }
        }
    }
}
