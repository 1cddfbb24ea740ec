//! The virtual SError: pending from HCR_EL2.VSE on, taken by EL1 or EL0 when PSTATE.A lets it, which clears VSE.

use super::registers::{read, write};

const VSE: u64 = 1 << 8;

/// From the return to the interrupted CPU on, it is pending, with that IDS and ISS.
pub fn pend(syndrome: u64) {
    // VSESR_EL2
    write!("s3_4_c5_c2_3", syndrome & shim::SYNDROME);
    write!("hcr_el2", read!("hcr_el2") | VSE);
}

/// It has not been taken.
pub fn is_pending() -> bool {
    read!("hcr_el2") & VSE != 0
}

/// None is pending.
pub fn withdraw() {
    write!("hcr_el2", read!("hcr_el2") & !VSE);
}
