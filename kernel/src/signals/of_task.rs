//! What a task has of signals: what it blocks, what waits for it alone, where its handlers run.

use core::sync::atomic::{AtomicU64, Ordering, fence};

use super::{Alternate, Pending, SignalSet};
use crate::task::Task;

/// A task's own part.
pub struct TaskSignals {
    /// What it does not want to hear of now. Its own business.
    blocked: AtomicU64,
    /// What that will be when a signal has ended its wait in `sigsuspend`, or [`NOTHING`].
    suspended: AtomicU64,
    /// What waits for it alone.
    pub pending: Pending,
    /// Its alternate stack.
    pub alternate: Alternate,
}

/// No set of blocked signals: SIGKILL is in it.
const NOTHING: u64 = u64::MAX;

impl TaskSignals {
    /// Nothing blocked, nothing waiting.
    pub const fn new() -> TaskSignals {
        TaskSignals {
            blocked: AtomicU64::new(0),
            suspended: AtomicU64::new(NOTHING),
            pending: Pending::new(),
            alternate: Alternate::new(),
        }
    }

    /// What it does not want to hear of now.
    pub fn blocked(&self) -> SignalSet {
        SignalSet::from_bits(self.blocked.load(Ordering::Acquire))
    }

    /// Wants to hear of something else from here on. Who may have something waiting then is [notified](super::notify).
    pub fn block(&self, signals: SignalSet) {
        self.blocked.store(signals.without(SignalSet::ABSOLUTE).bits(), Ordering::Release);
        // Who sends looks at this after the signal waits, who blocks looks at what waits after this: one sees the other's.
        fence(Ordering::SeqCst);
    }

    /// Blocks `signals` until one is delivered, and then again what is blocked now.
    pub fn suspend(&self, signals: SignalSet) {
        self.suspended.store(self.blocked().bits(), Ordering::Relaxed);
        self.block(signals);
    }

    /// Nothing was delivered to a handler: blocks again what it did before `suspend`.
    pub fn unsuspend(&self) {
        let before = self.suspended.swap(NOTHING, Ordering::Relaxed);
        if before != NOTHING {
            self.block(SignalSet::from_bits(before));
        }
    }

    /// A handler has begun, and blocks these meanwhile.
    pub(super) fn begin_handler(&self, blocked: SignalSet) {
        self.suspended.store(NOTHING, Ordering::Relaxed);
        self.block(blocked);
    }

    /// What a handler that begins now is to put back when it returns.
    pub(super) fn to_put_back(&self) -> SignalSet {
        match self.suspended.load(Ordering::Relaxed) {
            NOTHING => self.blocked(),
            before => SignalSet::from_bits(before),
        }
    }
}

/// Whatever the task sleeps for, there is something to do first: a signal that it does not block, a stop, or its end.
pub fn is_interrupted(task: &Task) -> bool {
    let Some(process) = task.process() else { return false };
    let pending = task.signals.pending.set().or(process.pending.set());
    process.is_ending_task(task) || process.job.is_stopped() || !pending.without(task.signals.blocked()).is_empty()
}
