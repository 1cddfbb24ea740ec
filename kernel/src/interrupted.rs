//! What an exception found: the cases that a table of exceptions has columns for.

use vestibule::{Level, Machine as _};
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
    /// The idle task's wait, and what is around it.
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

    /// Before: `frame` is that of an NMI-like exception, in whose body this runs: it counts as a hardirq and as an NMI itself.
    pub fn by_nmi_like(frame: &Frame) -> Interrupted {
        if frame.from_user() {
            return Interrupted::User;
        }
        // SAFETY: the current task lives.
        let word = unsafe { &*Hardware::current() }.word().read::<Machine>();
        match Machine::interrupted(frame) {
            _ if word.nmis() > 1 => Interrupted::NmiLike,
            _ if word.hardirqs() > 1 => Interrupted::Hardirq,
            _ if word.softirqs() > 0 => Interrupted::Softirq,
            Level::Process => Interrupted::IrqsOn,
            _ if word.is_idle() => Interrupted::Idle,
            Level::NoIrq => Interrupted::IrqsOff,
            _ => Interrupted::NmisOff,
        }
    }
}
