//! PSTATE as SPSR_EL1 holds it, and the sanitiser: what a user or a debugger may write into a saved one.

use crate::hardware::{A, D, DAIF_SHIFT, F, I};

/// `M[4:0]`: exception level, stack pointer and execution state.
pub(crate) const MODE: u64 = 0x1f;
/// EL0, AArch64, nothing masked: how user programs begin.
pub(crate) const USER: u64 = 0;
/// All four masks.
pub(crate) const DAIF: u64 = ((D | A | I | F) as u64) << DAIF_SHIFT;

/// Software step: the instruction that is stepped is still to be executed.
pub(crate) const SS: u64 = 1 << 21;

const NZCV: u64 = 0xf << 28;
/// Tag checks are masked (TCO).
pub const TCO: u64 = 1 << 25;
const DIT: u64 = 1 << 24;
const SSBS: u64 = 1 << 12;
/// How the instruction that is next was branched to (BTYPE).
pub const BTYPE: u64 = 0b11 << 10;

/// What user code may choose for itself. Not among it: the mode, the four masks and ALLINT (user mode with interrupts
/// masked never gives the CPU back), PAN and UAO (the kernel's), SS ([`step`](crate::step) sets it), IL and the
/// reserved bits. Arm ARM C5.2.19, C5.2.20.
const USERS: u64 = NZCV | TCO | DIT | SSBS | BTYPE;

/// Makes a saved PSTATE fit for user mode (C60). The second value is false if it was not: a signal frame that comes
/// back so is a forged one. SS is taken away without that: a debugger's copy of the registers of a stepped task has it.
pub const fn sanitise(pstate: u64) -> (u64, bool) {
    let clean = pstate & USERS | USER;
    (clean, clean == pstate & !SS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_the_users() {
        for bit in [31, 30, 29, 28, 25, 24, 12, 11, 10] {
            assert_eq!(sanitise(1 << bit), (1 << bit, true), "bit {bit}");
        }
    }

    #[test]
    fn takes_away_everything_else() {
        for bit in (0..64).filter(|bit| USERS & 1 << bit == 0) {
            assert_eq!(sanitise(NZCV | 1 << bit), (NZCV, 1 << bit == SS), "bit {bit}");
        }
    }

    #[test]
    fn any_input_comes_out_as_user_mode_with_nothing_masked() {
        let mut pstate: u64 = 0x9e37_79b9_7f4a_7c15;
        for _ in 0..100_000 {
            pstate ^= pstate << 13;
            pstate ^= pstate >> 7;
            pstate ^= pstate << 17;
            let (clean, _) = sanitise(pstate);
            assert_eq!(clean & (MODE | DAIF | 1 << 13 | 1 << 22 | 1 << 21 | 1 << 20), 0);
            assert_eq!(sanitise(clean), (clean, true));
        }
    }
}
