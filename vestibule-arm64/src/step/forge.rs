//! What entries and exits do about stepped tasks, in pieces, for the model's corpus of those that leave one out.
//! Not compiled without `--cfg vestibule_forge`, which no kernel sets.

use super::*;

/// The running task is stepped.
pub fn is_stepped<H: Hardware>() -> bool {
    running::<H>().armed::<H>() & STEPPED != 0
}

/// Its instruction has been executed: whether that is told.
pub fn done<H: Hardware>() -> bool {
    over_with::<H>()
}

/// What of it is suspended.
pub fn suspended<H: Hardware>() -> u64 {
    running::<H>().armed::<H>() & ANY_SUSPENDED
}

/// And is so still.
pub fn suspend_again<H: Hardware>(suspended: u64) {
    let armed = &running::<H>().armed.0;
    H::store(armed, H::load(armed) | suspended);
}
