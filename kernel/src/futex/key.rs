//! Which word a futex is: by its address and the address space, or by the frame that several address spaces have mapped.

use vestibule::Process as ProcessContext;

use super::BUCKETS;
use crate::errno::{Errno, Result};
use crate::layout::PAGE_SIZE;
use crate::reference::Cpu;
use crate::task::Task;

/// Two that are equal are the same word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    /// The address space, or [`SHARED`](Self::SHARED).
    space: u64,
    /// In it, or physical.
    address: usize,
}

impl Key {
    /// No address space: the lowest bit is never set in one's.
    const SHARED: u64 = u64::MAX;

    /// Of the word at `address` in the memory of the current task. `private` says that nobody else has it mapped.
    pub fn of(cpu: &mut Cpu<ProcessContext>, address: usize, private: bool) -> Result<Key> {
        if !address.is_multiple_of(size_of::<u32>()) {
            return Err(Errno::EINVAL);
        }
        let process = Task::current(cpu).process().cloned().ok_or(Errno::ESRCH)?;
        let own = Key { space: process.ttbr0(), address };
        if private {
            return Ok(own);
        }
        let memory = process.memory().ok_or(Errno::ESRCH)?;
        let frame = memory.lock(cpu).shared_frame(address).map_err(|_| Errno::EFAULT)?;
        Ok(frame.map_or(own, |frame| Key { space: Key::SHARED, address: frame.0 + address % PAGE_SIZE }))
    }

    /// Where its waiters are.
    pub fn bucket(self) -> usize {
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed = (self.address as u64 ^ self.space.rotate_left(32)).wrapping_mul(SPREAD);
        (mixed >> 32) as usize % BUCKETS
    }
}
