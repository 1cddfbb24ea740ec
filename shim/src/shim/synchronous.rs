//! A synchronous exception that EL0 takes to EL1, made by EL2 as the CPU makes one: Arm ARM D1.3, `AArch64.TakeException`.

use super::registers::{read, write};

/// One.
pub struct Synchronous {
    /// ESR_EL1.
    pub syndrome: u64,
    /// FAR_EL1.
    pub fault_address: u64,
}

/// EL0 with AArch64, as VBAR_EL1 sees it.
const FROM_EL0: u64 = 0x400;

impl Synchronous {
    /// When EL2 is left, EL0 has taken it. Before: EL2 has interrupted EL0.
    pub fn take(self) {
        write!("esr_el1", self.syndrome);
        write!("far_el1", self.fault_address);
        write!("elr_el1", read!("elr_el2"));
        write!("spsr_el1", read!("spsr_el2"));
        write!("spsr_el2", taken(read!("spsr_el2"), read!("sctlr_el1")));
        write!("elr_el2", read!("vbar_el1") + FROM_EL0);
    }
}

/// PSTATE of EL1 behind the exception, by that of EL0 and SCTLR_EL1. DIT and the condition flags stay.
fn taken(pstate: u64, sctlr: u64) -> u64 {
    const EL1H: u64 = 0b0101;
    const DAIF: u64 = 0b1111 << 6;
    const SSBS: u64 = 1 << 12;
    const ALLINT: u64 = 1 << 13;
    const PAN: u64 = 1 << 22;
    const DIT: u64 = 1 << 24;
    const TCO: u64 = 1 << 25;
    const FLAGS: u64 = 0b1111 << 28;
    let control = |bit: u32| sctlr >> bit & 1 != 0;
    let (dssbs, span, nmi, spintmask) = (control(44), control(23), control(61), control(62));
    let has_tags = read!("id_aa64pfr1_el1") >> 8 & 0xf != 0;
    let sets = [(SSBS, dssbs), (ALLINT, nmi && !spintmask), (PAN, !span), (TCO, has_tags)];
    let set = sets.iter().filter(|(_, is_set)| *is_set).fold(0, |bits, (bit, _)| bits | bit);
    pstate & (FLAGS | DIT | PAN) | EL1H | DAIF | set
}
