//! Preemption models: a policy of which flag a wake-up sets, not a branch in the exit.

use crate::{Flags, Word};

/// When a task in the kernel gives way to one that wants its CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Preemption {
    /// Never before it sleeps, yields or returns to user mode.
    None,
    /// After one whole tick of being asked.
    Lazy,
    /// At once.
    Full,
}

/// Who wants the CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asking {
    /// A task that woke up.
    Wakeup,
    /// The tick, when the running task's time is over.
    Tick,
}

impl Preemption {
    /// The flag to set in the running task's word, which was `word` a moment ago.
    pub const fn flag(self, asking: Asking, word: Word) -> Flags {
        match (self, asking) {
            (Preemption::Full, _) => Flags::RESCHED,
            // A tick later it still runs on in the kernel: lazily was asked once, that was enough.
            (Preemption::Lazy, Asking::Tick) if word.work().any_of(Flags::RESCHED_LAZY) => Flags::RESCHED,
            (Preemption::Lazy | Preemption::None, _) => Flags::RESCHED_LAZY,
        }
    }
}
