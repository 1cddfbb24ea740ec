//! The same entry code as one would write it by hand: plain functions, plain words, and mask writes where they are
//! wanted. `TRACKED`: with tracking and tracing, or with neither.
//!
//! What is done, and in which order, is the library's; that the compiler is told the same of what is likely, too.

mod cpu;
mod from_kernel;
mod from_user;
mod steps;

use core::hint::cold_path;
use cpu::{call_on_irq_stack, mask, open};
use vestibule_arm64::Frame;

type Entry = unsafe extern "C" fn(&mut Frame);

macro_rules! entries {
    ($tracked:literal) => {
        [
            from_kernel::sync::<$tracked>,
            from_kernel::irq::<$tracked>,
            from_kernel::serror::<$tracked>,
            from_user::sync::<$tracked>,
            from_user::irq::<$tracked>,
            from_user::serror::<$tracked>,
            from_kernel::unexpected::<$tracked, true>,
            from_kernel::unexpected::<$tracked, false>,
            from_kernel::stack_overflow::<$tracked, true>,
            from_kernel::stack_overflow::<$tracked, false>,
        ]
    };
}

/// In the order that both have.
#[unsafe(no_mangle)]
pub static ENTRIES: [[Entry; 10]; 2] = [entries!(true), entries!(false)];

/// The exit of a system call that was never made.
#[unsafe(no_mangle)]
pub static FIRST: (First, First) = (from_user::first::<true>, from_user::first::<false>);
type First = unsafe fn(&mut Frame);

/// ESR.EC.
mod exception_class {
    pub const UNKNOWN: u64 = 0x00;
    pub const SVC: u64 = 0x15;
    pub const INSTRUCTION_ABORT_LOWER: u64 = 0x20;
    pub const INSTRUCTION_ABORT_CURRENT: u64 = 0x21;
    pub const DATA_ABORT_LOWER: u64 = 0x24;
    pub const DATA_ABORT_CURRENT: u64 = 0x25;
    pub const SOFTWARE_STEP_LOWER: u64 = 0x32;
    pub const BRK: u64 = 0x3c;
}

/// The body of an SError.
#[inline(always)]
fn serror_body(frame: &mut Frame) {
    const IDS: u64 = 1 << 24;
    const DFSC: u64 = 0x3f;
    const AET: u64 = 0b111 << 10;
    if frame.syndrome & (IDS | DFSC | AET) == 0b01_0001 | 0b110 << 10 {
        crate::hooks::body_serror_corrected(frame);
    } else {
        crate::hooks::die("uncorrected SError", frame);
    }
}

/// An interrupt, on the interrupt stack and back.
#[inline(always)]
fn interrupt_on_irq_stack<const TRACKED: bool>(frame: &mut Frame, top: u64) {
    call_on_irq_stack!(interrupt_there::<TRACKED>, frame, top);
}

#[unsafe(link_section = ".noinstr.text")]
extern "C" fn interrupt_there<const TRACKED: bool>(frame: &mut Frame) {
    interrupt::<TRACKED>(frame);
}

/// An interrupt, with its masks.
#[inline(always)]
fn interrupt<const TRACKED: bool>(frame: &mut Frame) {
    open!(12);
    interrupt_body::<TRACKED>(frame);
    mask!(15);
}

/// An interrupt's body, if there is an interrupt.
#[inline(always)]
fn acknowledged_body(frame: &mut Frame) {
    const NONE: core::ops::RangeInclusive<u32> = 1020..=1023;
    let interrupt = cpu::acknowledge();
    if !NONE.contains(&interrupt) {
        cpu::isb();
        crate::hooks::body_interrupt(interrupt, frame);
        cpu::end_of_interrupt(interrupt);
    }
}

/// The body of an interrupt, counted; soft interrupts after it.
#[inline(always)]
fn interrupt_body<const TRACKED: bool>(frame: &mut Frame) {
    use core::sync::atomic::Ordering::Relaxed;
    cpu::word().fetch_add(steps::HARDIRQ, Relaxed);
    acknowledged_body(frame);
    let left = cpu::word().fetch_sub(steps::HARDIRQ, Relaxed) - steps::HARDIRQ;
    if left & steps::INTERRUPT == 0 && crate::hooks::softirqs_pending() {
        cold_path();
        steps::run_softirqs::<TRACKED>();
    }
}
