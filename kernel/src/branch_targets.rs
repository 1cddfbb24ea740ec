//! Branch target identification (BTI): a program may ask for memory in which indirect branches come to nothing but instructions
//! that say so. The CPU keeps in PSTATE.BTYPE which kind of branch came last, and looks at it where the page is guarded.

use core::sync::atomic::{AtomicU64, Ordering};

use vestibule_arm64::pstate::BTYPE;

use crate::planted::Bug;
use crate::registers::{read_register, write_register};

/// As by a call.
const CALLED: u64 = 0b10 << 10;

/// The CPU has them; all are alike.
pub fn are_present() -> bool {
    read_register!("id_aa64pfr1_el1") & 0xf != 0
}

/// What every CPU does for itself: in user mode, PACIASP is a target of calls alone, as Linux has it.
pub fn init_cpu() {
    const BT0: u64 = 1 << 35;
    if are_present() {
        let system = read_register!("sctlr_el1") | BT0;
        // SAFETY: no program runs yet, and for the kernel it is no other.
        unsafe { write_register!("sctlr_el1", system) };
        BTYPE_OF_HANDLER.store(CALLED, Ordering::Relaxed);
    }
}

/// None where there are no branch targets.
static BTYPE_OF_HANDLER: AtomicU64 = AtomicU64::new(0);

/// A signal's handler is called, wherever what it interrupts was on its way to.
pub fn pstate_of_handler(pstate: u64) -> u64 {
    if Bug::KeptBranch.is_planted() {
        return pstate;
    }
    pstate & !BTYPE | BTYPE_OF_HANDLER.load(Ordering::Relaxed)
}
