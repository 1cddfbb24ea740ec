//! What an exception leaves behind, in checked builds: what it found. That is all of the saved PSTATE that decides what the
//! interrupted code is and what may interrupt it, the task's counts, and how deep tracking is. A body may change the rest of PSTATE
//! (flags, tag checks, the step), the address and every register.
//!
//! Read before the entry step and after the exit's last, past the [`Hardware`](crate::Hardware): with everything masked nothing comes
//! in between, and a simulated CPU has no steps to put something at.

use crate::bodies::HardwareOf;
use crate::classes::{El1Breakpoint, El1Step, El1Watchpoint};
use crate::hardware::ALLINT;
use crate::thread::running;
use crate::{Arm64Port, Frame, pstate};
use core::any::TypeId;
use vestibule::{Broken, Checks, Class, Kernel};

const MASKS: u64 = pstate::DAIF | ALLINT;
const UAO: u64 = 1 << 23;
const PAN: u64 = 1 << 22;
const DECIDES: u64 = pstate::MODE | MASKS | UAO | PAN;

/// All three in one number, zero in a plain build: of anything larger the compiler leaves traces in code that never has it.
pub(crate) type Found = u128;

const COUNTS_AT: u32 = 32;
const DEPTH_AT: u32 = 64;

/// What is there now.
#[inline(always)]
pub(crate) fn found<P: Arm64Port>(frame: &Frame) -> Found {
    if <P::Kernel as Kernel>::Checks::ON { now::<P>(frame) } else { 0 }
}

#[inline(always)]
fn now<P: Arm64Port>(frame: &Frame) -> Found {
    let thread = running::<HardwareOf<P>>();
    let (counts, depth) = (thread.word().counts(), thread.cpu::<HardwareOf<P>>().state().depth());
    Found::from(frame.pstate & DECIDES) | Found::from(counts) << COUNTS_AT | Found::from(depth) << DEPTH_AT
}

/// And afterwards it is again: nothing that was counted stays (C116), nothing ended that had not begun (C67), and no body has
/// changed where this goes (C45, C60).
#[inline(always)]
pub(crate) fn check<P: Arm64Port, X: Class>(found: Found, frame: &Frame) {
    if <P::Kernel as Kernel>::Checks::ON {
        let changed = found ^ now::<P>(frame);
        if changed >> COUNTS_AT & Found::from(u32::MAX) != 0 {
            broken::<P>(Broken { constraint: 116, at: X::NAME });
        }
        if changed >> DEPTH_AT != 0 {
            broken::<P>(Broken { constraint: 67, at: X::NAME });
        }
        check_pstate::<P, X>(found as u64 & DECIDES, frame);
    }
}

/// Of a task's first return, which has found nothing.
#[inline(always)]
pub(crate) fn check_first<P: Arm64Port, X: Class>(frame: &Frame) {
    if <P::Kernel as Kernel>::Checks::ON {
        check_pstate::<P, X>(pstate::USER, frame);
    }
}

#[inline(always)]
fn check_pstate<P: Arm64Port, X: Class>(found: u64, frame: &Frame) {
    let changed = found ^ frame.pstate & DECIDES;
    let is_user = found == pstate::USER;
    if !is_user && changed & MASKS != 0 && !masks_for_a_step::<X>() {
        broken::<P>(Broken { constraint: 45, at: X::NAME });
    }
    if changed & !MASKS != 0 || is_user && changed != 0 {
        broken::<P>(Broken { constraint: 60, at: X::NAME });
    }
}

#[inline(always)]
fn broken<P: Arm64Port>(what: Broken) {
    core::hint::cold_path();
    <P::Kernel as Kernel>::Checks::broken(what);
}

/// The step over a breakpoint of the kernel is one of everything else masked: the masks change before it, and back after it (C130).
#[inline(always)]
fn masks_for_a_step<X: Class>() -> bool {
    [TypeId::of::<El1Breakpoint>(), TypeId::of::<El1Watchpoint>(), TypeId::of::<El1Step>()].contains(&TypeId::of::<X>())
}
