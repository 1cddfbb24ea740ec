//! The same entry code as one would write it by hand: plain functions, plain words, and mask writes where they are
//! wanted. `TRACKED`: with tracking and tracing, or with neither. `BACKEND`: where the masks lie.
//!
//! What is done, and in which order, is the library's; that the compiler is told the same of what is likely, too.

mod breakpoints;
mod cpu;
mod from_kernel;
mod from_user;
mod interrupts;
mod masks;
mod steps;

use masks::{ALLINT, DAIF, PMR};
use vestibule_arm64::Frame;
use vestibule_arm64::serror::Severity;

type Entry = unsafe extern "C" fn(&mut Frame);

macro_rules! entries {
    ($tracked:literal, $backend:ident) => {
        [
            from_kernel::sync::<$tracked, $backend>,
            from_kernel::irq::<$tracked, $backend>,
            from_kernel::fiq::<$tracked, $backend>,
            from_kernel::serror::<$tracked, $backend>,
            from_user::sync::<$tracked, $backend>,
            from_user::irq::<$tracked, $backend>,
            from_user::fiq::<$tracked, $backend>,
            from_user::serror::<$tracked, $backend>,
            from_kernel::unexpected::<$tracked, $backend, true>,
            from_kernel::unexpected::<$tracked, $backend, false>,
            from_kernel::stack_overflow::<$tracked, $backend, true>,
            from_kernel::stack_overflow::<$tracked, $backend, false>,
        ]
    };
}

/// In the order that both have.
#[unsafe(no_mangle)]
pub static ENTRIES: [[Entry; 12]; 6] = [
    entries!(true, DAIF),
    entries!(false, DAIF),
    entries!(true, PMR),
    entries!(false, PMR),
    entries!(true, ALLINT),
    entries!(false, ALLINT),
];

/// The exit of a system call that was never made.
#[unsafe(no_mangle)]
pub static FIRST: [First; 6] = [
    from_user::first::<true, DAIF>,
    from_user::first::<false, DAIF>,
    from_user::first::<true, PMR>,
    from_user::first::<false, PMR>,
    from_user::first::<true, ALLINT>,
    from_user::first::<false, ALLINT>,
];
type First = unsafe fn(&mut Frame);

/// ESR.EC.
mod exception_class {
    pub const UNKNOWN: u64 = 0x00;
    pub const SVC: u64 = 0x15;
    pub const INSTRUCTION_ABORT_LOWER: u64 = 0x20;
    pub const INSTRUCTION_ABORT_CURRENT: u64 = 0x21;
    pub const DATA_ABORT_LOWER: u64 = 0x24;
    pub const DATA_ABORT_CURRENT: u64 = 0x25;
    pub const BREAKPOINT_LOWER: u64 = 0x30;
    pub const BREAKPOINT_CURRENT: u64 = 0x31;
    pub const SOFTWARE_STEP_LOWER: u64 = 0x32;
    pub const SOFTWARE_STEP_CURRENT: u64 = 0x33;
    pub const WATCHPOINT_LOWER: u64 = 0x34;
    pub const WATCHPOINT_CURRENT: u64 = 0x35;
    pub const BRK: u64 = 0x3c;
}

/// The body of an SError of the kernel.
#[inline(always)]
fn serror_body(frame: &mut Frame) {
    match serror_goes(frame) {
        Goes::On => crate::hooks::body_serror_corrected(frame),
        Goes::Away | Goes::Down => crate::hooks::die("uncorrected SError", frame),
    }
}

/// The first half of that of user mode.
#[inline(always)]
fn user_serror_body(frame: &mut Frame) {
    match serror_goes(frame) {
        Goes::On => crate::hooks::body_serror_corrected(frame),
        Goes::Away => {}
        Goes::Down => crate::hooks::die("uncorrected SError", frame),
    }
}

/// The second.
#[inline(always)]
fn user_serror_opened_body(frame: &mut Frame) {
    if serror_goes(frame) == Goes::Away {
        crate::hooks::body_user_serror(frame);
    }
}

/// Who goes on after an SError: what was interrupted, everybody else, nobody.
#[derive(PartialEq, Eq)]
enum Goes {
    On,
    Away,
    Down,
}

#[inline(always)]
fn serror_goes(frame: &Frame) -> Goes {
    match Severity::of(frame.syndrome) {
        Severity::Corrected | Severity::Restartable => Goes::On,
        Severity::Recoverable | Severity::Unrecoverable => Goes::Away,
        Severity::Uncontained | Severity::ImplementationDefined | Severity::Uncategorized => Goes::Down,
    }
}
