//! Signals that were sent and are not delivered yet: a task's own, and those that a process's tasks share.

use alloc::collections::VecDeque;
use core::sync::atomic::{AtomicU64, Ordering};

use super::info::{Info, Origin};
use super::signal::SignalSet;
use crate::heap;
use crate::lock::IrqLock;

/// Most real-time signals that wait at a time; a further one is not sent. Room for as many, and one of each other, is always to
/// be had.
const LIMIT: usize = 480;
const _: () = assert!((LIMIT + 31).next_power_of_two() * size_of::<Info>() <= heap::SMALL);

/// What waits. Which signals do can be asked without the lock.
pub struct Pending {
    set: AtomicU64,
    queue: IrqLock<VecDeque<Info>>,
}

/// No more can wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

impl Pending {
    /// None.
    pub const fn new() -> Pending {
        Pending { set: AtomicU64::new(0), queue: IrqLock::new(VecDeque::new()) }
    }

    /// Which signals wait.
    pub fn set(&self) -> SignalSet {
        SignalSet::from_bits(self.set.load(Ordering::Acquire))
    }

    /// One more. Of those that are not real-time, only the first waits.
    pub fn add(&self, info: Info) -> Result<(), Full> {
        let mut queue = self.queue.lock();
        let waits = self.set().has(info.signal);
        match info.signal.is_real_time() {
            true if queue.len() >= LIMIT => return Err(Full),
            false if waits => return Ok(()),
            _ => {}
        }
        self.set.store(self.set().with(info.signal).bits(), Ordering::Release);
        queue.push_back(info);
        Ok(())
    }

    /// Does one of that POSIX timer wait?
    pub fn has_of_timer(&self, timer: u32) -> bool {
        let is_its = |info: &Info| matches!(info.origin, Origin::Timer { id, .. } if id == timer);
        self.queue.lock().iter().any(is_its)
    }

    /// Takes the one of `wanted` that is to be delivered first.
    #[inline(always)]
    pub fn take(&self, wanted: SignalSet) -> Option<Info> {
        if self.set().and(wanted).is_empty() { None } else { self.take_waiting(wanted) }
    }

    fn take_waiting(&self, wanted: SignalSet) -> Option<Info> {
        let mut queue = self.queue.lock();
        let signal = self.set().and(wanted).first()?;
        if queue.len() == 1 {
            self.set.store(0, Ordering::Release);
            return queue.pop_front();
        }
        let index = queue.iter().position(|info| info.signal == signal)?;
        let info = queue.remove(index);
        self.update(&queue);
        info
    }

    /// Forgets all of `signals`.
    pub fn discard(&self, signals: SignalSet) {
        if self.set().and(signals).is_empty() {
            return;
        }
        let mut queue = self.queue.lock();
        queue.retain(|info| !signals.has(info.signal));
        self.update(&queue);
    }

    fn update(&self, queue: &VecDeque<Info>) {
        let set = queue.iter().fold(SignalSet::NONE, |set, info| set.with(info.signal));
        self.set.store(set.bits(), Ordering::Release);
    }
}
