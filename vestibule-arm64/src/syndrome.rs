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
pub(crate) const BREAKPOINT_LOWER: u64 = 0x30;
pub(crate) const BREAKPOINT_CURRENT: u64 = 0x31;
pub(crate) const SOFTWARE_STEP_LOWER: u64 = 0x32;
pub(crate) const SOFTWARE_STEP_CURRENT: u64 = 0x33;
pub(crate) const WATCHPOINT_LOWER: u64 = 0x34;
pub(crate) const WATCHPOINT_CURRENT: u64 = 0x35;
pub(crate) const BRK64: u64 = 0x3c;
