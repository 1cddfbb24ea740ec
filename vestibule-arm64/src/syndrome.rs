//! ESR_EL1, as far as triage asks. Arm ARM D24.2.40.

/// The exception class, ESR.EC.
pub(crate) const fn exception_class(syndrome: u64) -> u64 {
    syndrome >> 26 & 0x3f
}

pub(crate) const UNKNOWN: u64 = 0x00;
pub(crate) const SVC64: u64 = 0x15;
/// The length of that instruction.
pub(crate) const SVC_LENGTH: u64 = 4;
pub(crate) const INSTRUCTION_ABORT_LOWER: u64 = 0x20;
pub(crate) const INSTRUCTION_ABORT_CURRENT: u64 = 0x21;
pub(crate) const DATA_ABORT_LOWER: u64 = 0x24;
pub(crate) const DATA_ABORT_CURRENT: u64 = 0x25;
pub(crate) const SOFTWARE_STEP_LOWER: u64 = 0x32;
pub(crate) const BRK64: u64 = 0x3c;

/// Whether a physical SError was corrected: architected syndrome (IDS clear), asynchronous (DFSC 0b010001), AET 0b110.
/// Everything else, also what has no architected syndrome at all, is an error nobody has put right.
pub(crate) const fn is_corrected_serror(syndrome: u64) -> bool {
    const IDS: u64 = 1 << 24;
    const DFSC: u64 = 0x3f;
    const AET: u64 = 0b111 << 10;
    syndrome & (IDS | DFSC | AET) == 0b01_0001 | 0b110 << 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_architected_corrected_error_is_one() {
        let corrected = 0b01_0001 | 0b110 << 10;
        assert!(is_corrected_serror(0xbe << 24 & !(1 << 24) | corrected));
        assert!(!is_corrected_serror(corrected | 1 << 24), "implementation defined syndrome");
        assert!(!is_corrected_serror(0b110 << 10), "uncategorised");
        for aet in (0..8).filter(|aet| *aet != 0b110) {
            assert!(!is_corrected_serror(0b01_0001 | aet << 10), "AET {aet:03b}");
        }
    }
}
