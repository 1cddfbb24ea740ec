//! What entries and exits do about stepped tasks, in pieces, for the model's corpus of those that leave one out.
//! Not compiled without `--cfg vestibule_forge`, which no kernel sets.

use super::*;

/// The running task is stepped.
pub fn is_stepped<H: Hardware>() -> bool {
    running::<H>().is_stepped::<H>()
}
