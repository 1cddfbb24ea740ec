//! Single-stepping: a traced task executes one instruction in user mode, and is back by [`El0Step`](crate::classes::El0Step).
//!
//! ```text
//!   begin     the task is stepped; PSTATE.SS in its frame: the instruction is still to be executed
//!   arm       the last thing before ERET to user mode: MDSCR_EL1.SS
//!      the instruction; PSTATE.SS is clear from then on, and the CPU comes back before the next
//!   disarm    the first thing of every entry from user mode
//! ```
//!
//! MDSCR_EL1.SS is set while a stepped task is in user mode, and never in the kernel (C12): there is nothing to save at a task
//! switch. PSTATE.SS is the user's state like any other of PSTATE: what the CPU saved is what the return gives back (C128).
//! An interrupt or a fault before the instruction was executed finds it set, a system call finds it clear, and so each comes
//! to one step. Only the task itself says whether it is stepped, and only in the kernel: what was armed is disarmed.

use crate::bodies::{CpuOf, HardwareOf};
use crate::thread::current;
use crate::{Arm64Port, Bodies, Frame, Hardware, Thread, pstate};
use core::sync::atomic::AtomicU64;
use vestibule::{Class, Cpu, Entered, Exception, Process};

#[cfg(vestibule_forge)]
pub mod forge;

/// Whether a task is stepped.
#[repr(transparent)]
pub(crate) struct Stepped(AtomicU64);

impl Stepped {
    pub(crate) const fn new() -> Stepped {
        Stepped(AtomicU64::new(NO))
    }
}

const NO: u64 = 0;
const YES: u64 = 1;

/// The current task executes one more instruction in user mode, and then comes back by `el0_step`, which ends this. Before: it
/// came from there with `frame`.
#[inline(always)]
pub fn begin<K: Bodies>(cpu: &Cpu<K, Process>, frame: &mut Frame) {
    CpuOf::<K>::store(&current(cpu).step.0, YES);
    frame.pstate |= pstate::SS;
}

/// The current task is not stepped, or no longer.
#[inline(always)]
pub fn end<K: Bodies>(cpu: &Cpu<K, Process>, frame: &mut Frame) {
    CpuOf::<K>::store(&current(cpu).step.0, NO);
    frame.pstate &= !pstate::SS;
}

/// The instruction counts as executed: a task that is stepped comes back before any other. For a frame that goes elsewhere than
/// the instruction would have, as a signal's handler.
#[inline(always)]
pub fn over(frame: &mut Frame) {
    frame.pstate &= !pstate::SS;
}

impl Thread {
    /// Before: it runs.
    #[inline(always)]
    fn is_stepped<H: Hardware>(&self) -> bool {
        H::load(&self.step.0) != NO
    }
}

/// The task that runs.
#[inline(always)]
fn running<'task, H: Hardware>() -> &'task Thread {
    // SAFETY: the current task lives, and the caller's borrow ends before it could change.
    unsafe { &*H::current() }
}

/// On the way to user mode, when nothing can open any more (C12). ERET synchronises it. Before and after: everything masked.
#[inline(always)]
pub(crate) fn arm<H: Hardware>() {
    if running::<H>().is_stepped::<H>() {
        core::hint::cold_path();
        // SAFETY: everything is masked, and user mode is next.
        unsafe { H::set_step::<true>() }
    }
}

/// On the way from user mode, before anything opens (C12). Before and after: everything masked.
#[inline(always)]
pub(crate) fn disarm<H: Hardware>() {
    if running::<H>().is_stepped::<H>() {
        core::hint::cold_path();
        // SAFETY: in the kernel nothing is stepped.
        unsafe { H::set_step::<false>() }
        H::isb();
    }
}

/// The instruction has been executed.
#[inline(always)]
pub(crate) fn done<P: Arm64Port, X: Class>(_: &Exception<'_, P, X, Entered>) {
    HardwareOf::<P>::store(&running::<HardwareOf<P>>().step.0, NO);
}
