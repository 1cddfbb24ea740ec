//! What an exception found: the cases that a table of exceptions has columns for.

use core::fmt;

use vestibule::{Flags, Level, Machine as _, Word};
use vestibule_arm64::{Frame, Hardware as _};

use crate::reference::{Hardware, Machine};

/// Each excludes those below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Interrupted {
    /// User mode.
    User,
    /// Something NMI-like.
    NmiLike,
    /// An interrupt's handler.
    Hardirq,
    /// A soft interrupt.
    Softirq,
    /// The idle task: its wait, and what is around it.
    Idle,
    /// The kernel with everything open.
    IrqsOn,
    /// The kernel with interrupts off.
    IrqsOff,
    /// The kernel with NMIs off too.
    NmisOff,
}

impl Interrupted {
    /// All of them.
    pub const ALL: [Interrupted; 8] = [
        Interrupted::User,
        Interrupted::NmiLike,
        Interrupted::Hardirq,
        Interrupted::Softirq,
        Interrupted::Idle,
        Interrupted::IrqsOn,
        Interrupted::IrqsOff,
        Interrupted::NmisOff,
    ];

    /// As tables call it.
    pub const fn name(self) -> &'static str {
        match self {
            Interrupted::User => "user mode",
            Interrupted::NmiLike => "NMI-like",
            Interrupted::Hardirq => "hardirq",
            Interrupted::Softirq => "softirq",
            Interrupted::Idle => "idle",
            Interrupted::IrqsOn => "interrupts on",
            Interrupted::IrqsOff => "interrupts off",
            Interrupted::NmisOff => "NMIs off",
        }
    }

    /// The same in one word.
    pub const fn column(self) -> &'static str {
        match self {
            Interrupted::User => "user",
            Interrupted::NmiLike => "nmi",
            Interrupted::Hardirq => "hardirq",
            Interrupted::Softirq => "softirq",
            Interrupted::Idle => "idle",
            Interrupted::IrqsOn => "open",
            Interrupted::IrqsOff => "irqs-off",
            Interrupted::NmisOff => "masked",
        }
    }

    /// Before: `frame` is that of an NMI-like exception, in whose body this runs: it counts as a hardirq and as an NMI itself.
    pub fn by_nmi_like(frame: &Frame) -> Interrupted {
        Self::by(frame, [1, 1])
    }

    /// Before: this runs in the body of the exception in `frame`, which counts as so many hardirqs and NMIs itself.
    pub fn by(frame: &Frame, [hardirqs, nmis]: [u64; 2]) -> Interrupted {
        if frame.from_user() {
            return Interrupted::User;
        }
        // SAFETY: the current task lives.
        let word = unsafe { &*Hardware::current() }.word().read::<Machine>();
        match Machine::interrupted(frame) {
            _ if word.nmis() > nmis => Interrupted::NmiLike,
            _ if word.hardirqs() > hardirqs => Interrupted::Hardirq,
            _ if word.softirqs() > 0 => Interrupted::Softirq,
            _ if word.is_idle() => Interrupted::Idle,
            // The priority mask is the body's by now. Ordinary interrupts interrupt nothing else.
            _ if cfg!(feature = "pmr") && (hardirqs, nmis) == (1, 0) => Interrupted::IrqsOn,
            Level::Process => Interrupted::IrqsOn,
            Level::NoIrq => Interrupted::IrqsOff,
            _ => Interrupted::NmisOff,
        }
    }
}

/// The masks of a saved PSTATE: a letter for each that is set.
pub struct Masks(pub u64);

impl fmt::Display for Masks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LETTERS: [(u32, char); 4] = [(9, 'D'), (8, 'A'), (7, 'I'), (6, 'F')];
        const ALLINT: u64 = 1 << 13;
        for (bit, letter) in LETTERS {
            write!(f, "{}", if self.0 >> bit & 1 != 0 { letter } else { '.' })?;
        }
        // A CPU that has it sets it at each exception; without this backend it masks nothing.
        f.write_str(if cfg!(feature = "allint") && self.0 & ALLINT != 0 { " ALLINT" } else { "" })
    }
}

/// A task's counts and flags, by field.
pub struct Counted(pub Word);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (preemption, word) = (self.0.preemptions_off(), self.0);
        let (softirqs, hardirqs, nmis) = (word.softirqs(), word.hardirqs(), word.nmis());
        write!(f, "preemption off {preemption}, softirq {softirqs}, hardirq {hardirqs}, NMI {nmis}; waits:")?;
        let flags = [
            (Flags::RESCHED, " reschedule"),
            (Flags::RESCHED_LAZY, " reschedule lazily"),
            (Flags::SIGNAL, " signal"),
            (Flags::NOTIFY_RESUME, " notify-resume"),
            (Flags::OTHER, " other"),
        ];
        let work = word.work();
        let mut waiting = flags.into_iter().filter(|(flag, _)| work.any_of(*flag)).peekable();
        if waiting.peek().is_none() {
            return f.write_str(" nothing");
        }
        waiting.try_for_each(|(_, name)| f.write_str(name))
    }
}
