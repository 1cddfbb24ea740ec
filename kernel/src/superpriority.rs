//! FEAT_NMI, for the backend that needs it: interrupts with superpriority come where PSTATE.I is set.

use vestibule_arm64::{Hardware as _, Real};

use crate::registers::{read_register, write_register};

/// SCTLR_EL1.NMI: PSTATE.ALLINT masks, and only it masks superpriority. SPINTMASK stays clear: taking an exception sets ALLINT.
const NMI: u64 = 1 << 61;

/// On each CPU, before its vectors are the port's. Before: everything masked. After: NMIs too.
pub fn init_cpu() {
    let implemented = read_register!("id_aa64pfr1_el1") >> 36 & 0xf;
    assert!(
        implemented != 0,
        "this kernel is built for CPUs with FEAT_NMI (ID_AA64PFR1_EL1.NMI), and this one has none"
    );
    let control = read_register!("sctlr_el1") | NMI;
    // SAFETY: masks more.
    unsafe {
        Real::allint_set();
        write_register!("sctlr_el1", control);
    }
}
