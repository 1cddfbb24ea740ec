//! The kernel's own exceptions, but SErrors: one comes here.

use core::arch::asm;
use core::hint::spin_loop;

use vestibule::{Level, Machine as _};
use vestibule_arm64::{Backend as _, Nmis};

use crate::bodies::BREAKPOINT;
use crate::layout::PAGE_SIZE;
use crate::reference::{Backend, Machine};
use crate::statistics::{Counter, FIQS};
use crate::user_copy::{Fault, read_user};
use crate::{breakpoints, gic, interrupts, percpu, self_check, timer};

/// Each takes one, and says whether it came back as it must.
pub const KINDS: [fn() -> bool; 6] = [abort, undefined, brk, breakpoint, fiq, nmi];

/// The test's that have come.
pub static NMIS: Counter = Counter::new();

/// One of that kind comes.
pub fn come(kind: u64) -> bool {
    KINDS[kind as usize]()
}

/// No program has anything there.
fn abort() -> bool {
    read_user::<u64>(PAGE_SIZE) == Err(Fault)
}

fn undefined() -> bool {
    self_check::undefined_is_stepped_over()
}

fn brk() -> bool {
    // SAFETY: the body counts it and goes on after it.
    unsafe { asm!("brk {}", const BREAKPOINT) };
    true
}

/// The breakpoints and the watchpoint that `breakpoints::check` has set, if it has.
fn breakpoint() -> bool {
    breakpoints::check::come_here()
}

fn fiq() -> bool {
    let before = FIQS.get();
    gic::send_fiq(percpu::boot_index(), interrupts::FIQ);
    in_time(|| FIQS.get() != before)
}

/// Without NMIs it is an interrupt, which does not come while interrupts are off.
fn nmi() -> bool {
    let before = NMIS.get();
    interrupts::send(percpu::boot_index(), super::NMI);
    let is_masked = matches!(Backend::NMIS, Nmis::None) && Machine::level() != Level::Process;
    is_masked || in_time(|| NMIS.get() != before)
}

/// It is so within a second.
fn in_time(is_so: impl Fn() -> bool) -> bool {
    let end = timer::nanoseconds() + 1_000_000_000;
    while !is_so() {
        if timer::nanoseconds() > end {
            return false;
        }
        spin_loop();
    }
    true
}
