//! The task word: everything an exit looks at before it returns, in one word of the *task*.
//!
//! ```text
//!  63    49  48  47        36 35 34 33 32 31      24 23  20 19     16 15      8 7       0
//! +----+---+---+------------+--+--+--+--+----------+------+---------+---------+---------+
//! |idle| X | E | kernel's   |N |S |L |R |    -     | NMI  | hardirq | softirq | preempt |
//! +----+---+---+------------+--+--+--+--+----------+------+---------+---------+---------+
//!   R reschedule   L reschedule, lazily   S signal   N notify-resume   E, X a system call's entry, exit   63 = idle task
//! ```
//!
//! The low half counts why the task may not be preempted; only the CPU that runs the task changes it. The high half
//! says what waits for it; any CPU may set a flag there. One word, so that "nothing forbids it and a reschedule is
//! wanted" is one read, and of the task, because a per-CPU word that is read, migrated and written back corrupts
//! another CPU's. Every change is one atomic operation: a remote flag never gets lost in a local count.

use crate::Machine;
use core::sync::atomic::{AtomicU64, Ordering};

/// One task's counts and flags.
pub struct TaskWord(AtomicU64);

/// Flags that another CPU, or the task itself, may set in a [`TaskWord`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags(u64);

/// A task word as it was at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word(u64);

pub(crate) const PREEMPT: u64 = 1;
pub(crate) const SOFTIRQ: u64 = 1 << 8;
pub(crate) const HARDIRQ: u64 = 1 << 16;
pub(crate) const NMI: u64 = 1 << 20;
const COUNTS: u64 = 0xffff_ffff;
const INTERRUPT: u64 = 0x00ff_ff00;
const IDLE: u64 = 1 << 63;

impl Flags {
    /// Reschedule at the next opportunity, on the way back to the kernel too.
    pub const RESCHED: Flags = Flags(1 << 32);
    /// Reschedule on the way back to user mode.
    pub const RESCHED_LAZY: Flags = Flags(1 << 33);
    /// A signal waits.
    pub const SIGNAL: Flags = Flags(1 << 34);
    /// Something else asked to run before the return to user mode.
    pub const NOTIFY_RESUME: Flags = Flags(1 << 35);

    /// Every flag of the architecture and the kernel.
    pub const OTHER: Flags = Flags(0x0000_fff0_0000_0000);

    /// Somebody traces the task's system calls and wants to see each before it is made. Stays until it is cleared.
    pub const SYSCALL_ENTRY: Flags = Flags(1 << 48);
    /// And when it is over.
    pub const SYSCALL_EXIT: Flags = Flags(1 << 49);

    const TRACES: u64 = Flags::SYSCALL_ENTRY.0 | Flags::SYSCALL_EXIT.0;
    const WORK: u64 = 0x0000_ffff_0000_0000;
    const SCHEDULE: u64 = Flags::RESCHED.0 | Flags::RESCHED_LAZY.0;

    /// Work of the architecture or the kernel, `n` in 0..12, done after everything else.
    pub const fn other(n: u32) -> Flags {
        assert!(n < 12);
        Flags(1 << (36 + n))
    }

    /// Both.
    pub const fn and(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// As they stand in a task's word.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Is any of `wanted` here?
    pub const fn any_of(self, wanted: Flags) -> bool {
        self.0 & wanted.0 != 0
    }

    /// What is left when rescheduling is done.
    pub(crate) const fn without_schedule(self) -> Flags {
        Flags(self.0 & !Flags::SCHEDULE)
    }

    pub(crate) const fn wants_schedule(self) -> bool {
        self.0 & Flags::SCHEDULE != 0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Word {
    /// Nothing forbids preemption and a reschedule is wanted: the kernel exit's look (C33).
    pub const fn wants_preemption(self) -> bool {
        self.0 & (COUNTS | Flags::RESCHED.0) == Flags::RESCHED.0
    }

    /// What must be done before the return to user mode: the user exit's look.
    pub const fn work(self) -> Flags {
        Flags(self.0 & Flags::WORK)
    }

    /// What of the task's system calls somebody wants to see.
    pub const fn traces(self) -> Flags {
        Flags(self.0 & Flags::TRACES)
    }

    /// Preemption is forbidden by nothing, and this is not the idle task: it may sleep (C71).
    pub const fn is_preemptible(self) -> bool {
        self.0 & (COUNTS | IDLE) == 0
    }

    /// In a hardirq, a soft interrupt (or with them off), or an NMI.
    pub const fn in_interrupt(self) -> bool {
        self.0 & INTERRUPT != 0
    }

    /// How often preemption is off.
    pub const fn preemptions_off(self) -> u64 {
        self.0 & 0xff
    }

    /// How deep in hardirqs; NMI-like exceptions count as such too.
    pub const fn hardirqs(self) -> u64 {
        (self.0 / HARDIRQ) & 0xf
    }

    /// How deep in soft interrupts.
    pub const fn softirqs(self) -> u64 {
        (self.0 / SOFTIRQ) & 0xff
    }

    /// How deep in NMI-like exceptions.
    pub const fn nmis(self) -> u64 {
        (self.0 / NMI) & 0xf
    }

    /// As deep in NMI-like exceptions as the count goes (C82).
    pub(crate) const fn nmi_is_full(self) -> bool {
        self.0 & (0xf * NMI) >= 0xe * NMI
    }

    /// The idle task's.
    pub const fn is_idle(self) -> bool {
        self.0 & IDLE != 0
    }
}

impl TaskWord {
    /// A new task's: nothing counted, nothing wanted.
    pub const fn new() -> TaskWord {
        TaskWord(AtomicU64::new(0))
    }

    /// An idle task's.
    pub const fn idle() -> TaskWord {
        TaskWord(AtomicU64::new(IDLE))
    }

    /// One read.
    pub fn read<M: Machine>(&self) -> Word {
        Word(M::load(&self.0))
    }

    /// All that it counts, for checks, by the CPU that runs the task or while none does.
    pub fn counts(&self) -> u64 {
        self.0.load(Ordering::Relaxed) & COUNTS
    }

    /// Sets flags, from any CPU. Whoever sets one of another CPU's task also interrupts that CPU, after this.
    pub fn set<M: Machine>(&self, flags: Flags) {
        M::set(&self.0, flags.0);
    }

    /// Clears flags, before doing what they ask for: what is asked meanwhile is asked again.
    pub fn clear<M: Machine>(&self, flags: Flags) {
        M::clear(&self.0, flags.0);
    }

    /// Counts up; gives what was.
    pub(crate) fn add<M: Machine>(&self, unit: u64) -> Word {
        Word(M::add(&self.0, unit))
    }

    /// Counts down; gives what is left.
    pub(crate) fn sub<M: Machine>(&self, unit: u64) -> Word {
        Word(M::add(&self.0, unit.wrapping_neg()).wrapping_sub(unit))
    }
}
