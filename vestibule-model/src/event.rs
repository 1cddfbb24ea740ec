//! What can happen: exceptions, and what the rest of the machine does.

use crate::cpu::{A, F, I, Route};

/// An exception of this CPU.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Exception {
    /// A data abort.
    DataAbort,
    /// An instruction abort.
    InstructionAbort,
    /// An undefined instruction.
    Undefined,
    /// BRK.
    Brk,
    /// SVC.
    Svc,
    /// A synchronous exception that no class is for.
    Unhandled,
    /// An interrupt.
    Irq,
    /// An SError that the hardware has corrected.
    CorrectedError,
    /// One that nobody has put right.
    UncorrectedError,
    /// An interrupt of the controller's group 0.
    Fiq,
    /// A software step.
    Step,
    /// A breakpoint.
    Breakpoint,
    /// A watchpoint.
    Watchpoint,
    /// An NMI where ordinary interrupts do not come, or one of those that was withdrawn.
    Nmi,
    /// The same, of group 0.
    FiqNmi,
    /// An SError of user mode that concerns it alone.
    ContainedError,
}

/// DFSC of an SError whose type is told.
const ASYNCHRONOUS: u64 = 0b01_0001;

/// ESR_EL1 of an SError with this ISS.
const fn error(iss: u64) -> u64 {
    0x2f << 26 | iss
}

impl Exception {
    /// Its quarter of the vector table.
    pub const fn route(self) -> Route {
        match self {
            Exception::Irq | Exception::Nmi => Route::Irq,
            Exception::Fiq | Exception::FiqNmi => Route::Fiq,
            Exception::CorrectedError | Exception::ContainedError | Exception::UncorrectedError => Route::Serror,
            _ => Route::Sync,
        }
    }

    /// ESR_EL1. Arm ARM D24.2.40. `token` fills what nobody decides by.
    pub const fn syndrome(self, from_user: bool, token: u64) -> Option<u64> {
        let class = match self {
            Exception::DataAbort => 0x25 - from_user as u64,
            Exception::InstructionAbort => 0x21 - from_user as u64,
            Exception::Undefined => 0x00,
            Exception::Brk => 0x3c,
            Exception::Svc => 0x15,
            Exception::Step => 0x33 - from_user as u64,
            Exception::Breakpoint => 0x31 - from_user as u64,
            Exception::Watchpoint => 0x35 - from_user as u64,
            // Trapped FP or SIMD; branch target; pointer authentication; memory copy or set.
            Exception::Unhandled => [0x07, 0x0d, 0x1c, 0x27][(token % 4) as usize],
            // Corrected; restartable.
            Exception::CorrectedError => {
                return Some(error([0b110 << 10, 0b010 << 10][(token % 2) as usize] | ASYNCHRONOUS));
            }
            // Recoverable; unrecoverable.
            Exception::ContainedError => {
                return Some(error([0b011 << 10, 0b001 << 10][(token % 2) as usize] | ASYNCHRONOUS));
            }
            // Uncontained; without an architected syndrome; uncategorised; in the kernel, recoverable too.
            Exception::UncorrectedError => {
                let kinds =
                    [ASYNCHRONOUS, 1 << 24 | 0b110 << 10 | ASYNCHRONOUS, 0b110 << 10, 0b011 << 10 | ASYNCHRONOUS];
                return Some(error(kinds[(token % (4 - from_user as u64)) as usize]));
            }
            Exception::Irq | Exception::Fiq | Exception::Nmi | Exception::FiqNmi => return None,
        };
        Some(class << 26 | 1 << 25 | token & 0xffff)
    }

    /// Whether FAR_EL1 says where.
    pub const fn has_address(self) -> bool {
        matches!(self, Exception::DataAbort | Exception::InstructionAbort | Exception::Watchpoint)
    }

    /// In the kernel, a debug exception.
    pub const fn is_debug(self) -> bool {
        matches!(self, Exception::Brk | Exception::Step) || self.is_point()
    }

    /// A breakpoint or a watchpoint.
    pub const fn is_point(self) -> bool {
        matches!(self, Exception::Breakpoint | Exception::Watchpoint)
    }

    /// Goes on as if nothing had been: NMI-like and debug exceptions.
    pub const fn leaves_no_trace(self) -> bool {
        matches!(self, Exception::CorrectedError | Exception::UncorrectedError) || self.is_debug() || self.is_nmi()
    }

    /// It came where only NMIs come.
    pub const fn is_nmi(self) -> bool {
        matches!(self, Exception::Nmi | Exception::FiqNmi)
    }

    /// An interrupt of any kind.
    pub const fn is_interrupt(self) -> bool {
        matches!(self, Exception::Irq | Exception::Fiq) || self.is_nmi()
    }
}

impl std::fmt::Display for Exception {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Exception::DataAbort => "data abort",
            Exception::InstructionAbort => "instruction abort",
            Exception::Undefined => "undefined instruction",
            Exception::Brk => "BRK",
            Exception::Svc => "SVC",
            Exception::Unhandled => "an exception without a class",
            Exception::Irq => "IRQ",
            Exception::CorrectedError => "SError (corrected)",
            Exception::ContainedError => "SError (contained)",
            Exception::UncorrectedError => "SError (uncorrected)",
            Exception::Fiq => "FIQ",
            Exception::Step => "software step",
            Exception::Breakpoint => "breakpoint",
            Exception::Watchpoint => "watchpoint",
            Exception::Nmi => "IRQ (NMI)",
            Exception::FiqNmi => "FIQ (NMI)",
        })
    }
}

/// What may come at a step that nobody on this CPU asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "command", derive(serde::Serialize))]
#[repr(u8)]
pub enum Event {
    /// A device's interrupt, or the tick's.
    Irq,
    /// The interrupt of another CPU that has set a flag.
    Ipi,
    /// A corrected SError.
    Error,
    /// An uncorrected one.
    FatalError,
    /// A BRK, where the code has one.
    Brk,
    /// Another CPU wants this one to reschedule: the flag. Its interrupt comes later.
    RemoteResched,
    /// Another CPU sends the running task a signal.
    RemoteSignal,
    /// Another CPU queues other work for the running task.
    RemoteWork,
    /// The kernel's own code does something else than nothing: faults, sleeps, wakes, masks.
    Choice,
    /// An NMI: where ordinary interrupts are masked as itself, elsewhere as an interrupt that turns out to be one.
    Nmi,
    /// An interrupt of the controller's group 0.
    Fiq,
    /// An SError of user mode that its task alone cannot go on after.
    ContainedError,
    /// A breakpoint or a watchpoint of the kernel's own, and the step over it.
    Breakpoint,
}

impl Event {
    /// All of them.
    pub const ALL: [Event; 13] = [
        Event::Irq,
        Event::Ipi,
        Event::Error,
        Event::FatalError,
        Event::Brk,
        Event::RemoteResched,
        Event::RemoteSignal,
        Event::RemoteWork,
        Event::Choice,
        Event::Nmi,
        Event::Fiq,
        Event::ContainedError,
        Event::Breakpoint,
    ];

    /// What of PSTATE.DAIF masks it. An NMI is masked by I only where it is one by its priority.
    pub const fn masked_by(self) -> u8 {
        match self {
            Event::Irq | Event::Ipi | Event::Nmi => I,
            Event::Fiq => F,
            Event::Error | Event::ContainedError | Event::FatalError => A,
            _ => 0,
        }
    }

    /// As reports and options call it.
    pub const fn name(self) -> &'static str {
        match self {
            Event::Irq => "irq",
            Event::Ipi => "ipi",
            Event::Error => "serror",
            Event::FatalError => "fatal-serror",
            Event::ContainedError => "contained-serror",
            Event::Brk => "brk",
            Event::RemoteResched => "remote-resched",
            Event::RemoteSignal => "remote-signal",
            Event::RemoteWork => "remote-work",
            Event::Choice => "kernel",
            Event::Nmi => "nmi",
            Event::Fiq => "fiq",
            Event::Breakpoint => "breakpoint",
        }
    }
}

/// A set of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Events(u16);

impl Events {
    /// Every one.
    pub const ALL: Events = Events(u16::MAX);

    /// Is it in the set?
    pub const fn has(self, event: Event) -> bool {
        self.0 >> event as u8 & 1 != 0
    }

    /// All but that one.
    #[must_use]
    pub const fn without(self, event: Event) -> Events {
        Events(self.0 & !(1 << event as u8))
    }
}
