//! What an exception returns to, in checked builds: what it came from, in all of the saved PSTATE that decides what that
//! is and what may interrupt it. A body may change the rest (flags,
//! tag checks, the step), the address and every register.
//!
//! Compared when the handler is done, past the [`Hardware`](crate::Hardware): with everything masked nothing comes in between.

use crate::classes::{El1Breakpoint, El1Step, El1Watchpoint};
use crate::hardware::ALLINT;
use crate::{Arm64Port, Frame, pstate};
use core::any::TypeId;
use vestibule::{Broken, Checks, Class, Kernel};

const MASKS: u64 = pstate::DAIF | ALLINT;
const UAO: u64 = 1 << 23;
const PAN: u64 = 1 << 22;
const DECIDES: u64 = pstate::MODE | MASKS | UAO | PAN;

/// Of that, what user mode has.
pub(crate) const USER: u64 = pstate::USER;

/// What came.
#[inline(always)]
pub(crate) fn found<P: Arm64Port>(frame: &Frame) -> u64 {
    if <P::Kernel as Kernel>::Checks::ON { frame.pstate & DECIDES } else { 0 }
}

/// And what goes: no body has changed it (C45, C60).
#[inline(always)]
pub(crate) fn check<P: Arm64Port, X: Class>(found: u64, frame: &Frame) {
    if !<P::Kernel as Kernel>::Checks::ON {
        return;
    }
    let changed = (found ^ frame.pstate) & DECIDES;
    if found != USER && changed & MASKS != 0 && !masks_for_a_step::<X>() {
        core::hint::cold_path();
        <P::Kernel as Kernel>::Checks::broken(Broken { constraint: 45, at: X::NAME });
    }
    if changed & !MASKS != 0 || found == USER && changed != 0 {
        core::hint::cold_path();
        <P::Kernel as Kernel>::Checks::broken(Broken { constraint: 60, at: X::NAME });
    }
}

/// The step over a breakpoint of the kernel is one of everything else masked: the masks change before it, and back after it (C130).
fn masks_for_a_step<X: Class>() -> bool {
    [TypeId::of::<El1Breakpoint>(), TypeId::of::<El1Watchpoint>(), TypeId::of::<El1Step>()].contains(&TypeId::of::<X>())
}
