//! The shim at EL2, if it is what started this kernel: it pends SErrors, which nothing below EL2 can raise in QEMU, and has user mode
//! take synchronous exceptions that QEMU's CPUs have none of.

use shim::{CANCEL, Outcome, PEND, Place, TAKE, UID, UID_VALUE};

use crate::psci;

/// It answers firmware calls here.
pub fn is_there() -> bool {
    psci::ask(UID, [0; 3]).is_some_and(|answer| answer.map(|word| word as u32) == UID_VALUE)
}

/// This CPU gets an SError with this syndrome (IDS and ISS), at that instruction of that place. Before: the shim is there. Any that
/// was asked for earlier and has not come does not.
pub fn pend(syndrome: u64, place: Place, instruction: u64) {
    psci::ask(PEND, [syndrome, place as u64, instruction]);
}

/// User mode on this CPU takes a synchronous exception with this ESR and FAR in place of its n-th next instruction, the first of
/// which is 1. Before and otherwise: as [`pend`].
pub fn take(syndrome: u64, fault_address: u64, instruction: u64) {
    psci::ask(TAKE, [syndrome, fault_address, instruction]);
}

/// This CPU gets none that it has not got yet; what had come of the last. Before: the shim is there.
pub fn cancel() -> Option<Outcome> {
    Outcome::numbered(psci::ask(CANCEL, [0; 3])?[0])
}
