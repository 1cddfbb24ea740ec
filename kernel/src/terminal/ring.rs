//! Bytes from an interrupt handler to who works on them: one puts in, one takes out, and neither waits for the other.
//! Pure; its tests run on the host.

use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// Room for that many bytes.
pub const CAPACITY: usize = 1024;

/// Bytes in the order in which they came.
pub struct Ring {
    bytes: [AtomicU8; CAPACITY],
    /// How many were put in so far, and how many taken out. They wrap together.
    put: AtomicUsize,
    taken: AtomicUsize,
}

impl Ring {
    /// Empty.
    pub const fn new() -> Self {
        Self { bytes: [const { AtomicU8::new(0) }; CAPACITY], put: AtomicUsize::new(0), taken: AtomicUsize::new(0) }
    }

    /// Is there anything?
    pub fn is_empty(&self) -> bool {
        self.put.load(Ordering::Acquire) == self.taken.load(Ordering::Acquire)
    }

    /// Is there no room?
    pub fn is_full(&self) -> bool {
        let (put, taken) = (self.put.load(Ordering::Acquire), self.taken.load(Ordering::Acquire));
        put.wrapping_sub(taken) == CAPACITY
    }

    /// Puts a byte in; false if there is no room. For one at a time.
    pub fn put(&self, byte: u8) -> bool {
        if self.is_full() {
            return false;
        }
        let at = self.put.load(Ordering::Relaxed);
        self.bytes[at % CAPACITY].store(byte, Ordering::Relaxed);
        self.put.store(at.wrapping_add(1), Ordering::Release);
        true
    }

    /// Takes a byte out. For one at a time.
    pub fn take(&self) -> Option<u8> {
        if self.is_empty() {
            return None;
        }
        let at = self.taken.load(Ordering::Relaxed);
        let byte = self.bytes[at % CAPACITY].load(Ordering::Relaxed);
        self.taken.store(at.wrapping_add(1), Ordering::Release);
        Some(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use std::thread;

    proptest! {
        #[test]
        fn it_is_a_queue_with_an_end(steps in prop::collection::vec((any::<bool>(), 0..900_usize), 0..30)) {
            let (ring, mut queue) = (Ring::new(), VecDeque::new());
            for (puts, count) in steps {
                for n in 0..count {
                    if puts {
                        prop_assert_eq!(ring.put(n as u8), queue.len() < CAPACITY);
                        if queue.len() < CAPACITY {
                            queue.push_back(n as u8);
                        }
                    } else {
                        prop_assert_eq!(ring.take(), queue.pop_front());
                    }
                }
                prop_assert_eq!((ring.is_empty(), ring.is_full()), (queue.is_empty(), queue.len() == CAPACITY));
            }
        }
    }

    #[test]
    fn nothing_is_lost_between_two() {
        const COUNT: usize = 100_000;
        let ring = Ring::new();
        thread::scope(|scope| {
            scope.spawn(|| (0..COUNT).for_each(|n| while !ring.put(n as u8) {}));
            for n in 0..COUNT {
                let byte = loop {
                    if let Some(byte) = ring.take() {
                        break byte;
                    }
                };
                assert_eq!(byte, n as u8);
            }
        });
        assert!(ring.is_empty());
    }
}
