//! What an exception found that its exit leaves as it was, for checked builds. It is read past the [`Machine`](crate::Machine):
//! with everything masked nothing can come between these reads, and a simulated CPU has no steps to put something at.

use crate::hooks::check;
use crate::{Accounting, ContextTracking, Cpu, Critical, Kernel};

/// What an entry tells its exit.
pub(crate) struct Noted<A: Accounting> {
    pub(crate) noted: A::Noted,
    pub(crate) found: Option<Found>,
}

/// After the entry step, and before the exit's last.
pub(crate) struct Found {
    counts: u64,
    depth: u64,
}

impl Found {
    pub(crate) fn now<K: Kernel>(cpu: &Cpu<K, Critical>) -> Found {
        let depth = if K::ContextTracking::ON { cpu.state().depth() } else { 0 };
        Found { counts: cpu.task_word().counts(), depth }
    }

    /// A body that counts once too often, or ends something that it has not begun, is seen at its own exit.
    #[inline(always)]
    pub(crate) fn check<K: Kernel>(self, cpu: &Cpu<K, Critical>, at: &'static str) {
        let now = Found::now(cpu);
        check::<K>(|| now.counts == self.counts, 116, at);
        check::<K>(|| now.depth == self.depth, 67, at);
    }
}
