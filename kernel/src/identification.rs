//! What programs are shown of the CPU's identification registers, and the words of the auxiliary vector that say the same. Pure;
//! its tests run on the host.
//!
//! A field is shown if Linux shows it and this kernel keeps for programs what it stands for. The words are made from what is
//! shown: what one says, the other does. Not among it: SVE, SME, guarded control stacks.

/// An identification register: op0 3, op1 0, CRn 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Register {
    /// CRm.
    pub crm: u64,
    /// op2.
    pub op2: u64,
}

const fn register(crm: u64, op2: u64) -> Register {
    Register { crm, op2 }
}

const MIDR: Register = register(0, 0);
const MPIDR: Register = register(0, 5);
const REVIDR: Register = register(0, 6);
const MVFR0: Register = register(3, 0);
/// ID_AA64PFR0_EL1.
pub const PFR0: Register = register(4, 0);
/// ID_AA64PFR1_EL1.
pub const PFR1: Register = register(4, 1);
const DFR0: Register = register(5, 0);
/// ID_AA64ISAR0_EL1.
pub const ISAR0: Register = register(6, 0);
/// ID_AA64ISAR1_EL1.
pub const ISAR1: Register = register(6, 1);
/// ID_AA64ISAR2_EL1.
pub const ISAR2: Register = register(6, 2);
/// ID_AA64MMFR0_EL1.
pub const MMFR0: Register = register(7, 0);
/// ID_AA64MMFR1_EL1.
pub const MMFR1: Register = register(7, 1);
/// ID_AA64MMFR2_EL1.
pub const MMFR2: Register = register(7, 2);

/// The fields with these lowest bits.
const fn fields(lowest: &[u32]) -> u64 {
    let (mut mask, mut at) = (0, 0);
    while at < lowest.len() {
        mask |= 0xf << lowest[at];
        at += 1;
    }
    mask
}

/// What of each is shown as the CPU has it.
const SHOWN: &[(Register, u64)] = &[
    // FP, AdvSIMD, DIT.
    (PFR0, fields(&[16, 20, 48])),
    // BT, SSBS, MTE.
    (PFR1, fields(&[0, 4, 8])),
    // AES, SHA1, SHA2, CRC32, Atomic, RDM, SHA3, SM3, SM4, DP, FHM, TS, RNDR.
    (ISAR0, fields(&[4, 8, 12, 16, 20, 28, 32, 36, 40, 44, 48, 52, 60])),
    // DPB, APA, API, JSCVT, FCMA, LRCPC, GPA, GPI, FRINTTS, SB, BF16, DGH, I8MM.
    (ISAR1, fields(&[0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 44, 48, 52])),
    // WFxT, RPRES, GPA3, APA3, MOPS.
    (ISAR2, fields(&[0, 4, 8, 12, 16])),
    // ECV.
    (MMFR0, fields(&[60])),
    // AFP.
    (MMFR1, fields(&[44])),
    // AT.
    (MMFR2, fields(&[32])),
];

/// What is said of the rest, whatever the CPU has: AArch64 alone, no granule, debug of ARMv8.0. As Linux says it.
const SAID: &[(Register, u64)] =
    &[(MPIDR, 1 << 31), (MVFR0, 0x200), (PFR0, 0x11), (DFR0, 6), (MMFR0, 0x0111_ff00_0000)];

impl Register {
    /// What programs are shown that read it, if they may; `read` gives what the CPU has.
    pub fn shown(self, read: impl Fn(Register) -> u64) -> Option<u64> {
        match self {
            MIDR => Some(read(MIDR)),
            MPIDR | REVIDR => Some(self.said()),
            Register { crm: 2..=7, .. } => {
                let mask = find(SHOWN, self);
                Some(if mask == 0 { 0 } else { read(self) & mask } | self.said())
            }
            _ => None,
        }
    }

    fn said(self) -> u64 {
        find(SAID, self)
    }
}

fn find(table: &[(Register, u64)], register: Register) -> u64 {
    table.iter().find(|(other, _)| *other == register).map_or(0, |(_, value)| *value)
}

/// AT_HWCAP and AT_HWCAP2, by Linux's bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// AT_HWCAP.
    pub first: usize,
    /// AT_HWCAP2.
    pub second: usize,
}

/// Which word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    First,
    Second,
}
use Word::{First, Second};

/// The field at a lowest bit says so, from a value on, by a bit of a word.
type Feature = (Register, u32, u64, Word, u32);

const FEATURES: &[Feature] = &[
    // CRC32, ATOMICS, FLAGM, FLAGM2, RNG.
    (ISAR0, 16, 1, First, 7),
    (ISAR0, 20, 2, First, 8),
    (ISAR0, 52, 1, First, 27),
    (ISAR0, 52, 2, Second, 7),
    (ISAR0, 60, 1, Second, 16),
    // DCPOP, DCPODP, LRCPC, ILRCPC, SB, DGH.
    (ISAR1, 0, 1, First, 16),
    (ISAR1, 0, 2, Second, 0),
    (ISAR1, 20, 1, First, 15),
    (ISAR1, 20, 2, First, 26),
    (ISAR1, 36, 1, First, 29),
    (ISAR1, 48, 1, Second, 15),
    // WFXT, RPRES, MOPS.
    (ISAR2, 0, 2, Second, 31),
    (ISAR2, 4, 1, Second, 21),
    (ISAR2, 16, 1, Second, 43),
    // DIT, SSBS, ECV, AFP, USCAT.
    (PFR0, 48, 1, First, 24),
    (PFR1, 4, 2, First, 28),
    (MMFR0, 60, 1, Second, 19),
    (MMFR1, 44, 1, Second, 20),
    (MMFR2, 32, 1, First, 25),
    // BTI, MTE, MTE3.
    (PFR1, 0, 1, Second, 17),
    (PFR1, 8, 2, Second, 18),
    (PFR1, 8, 3, Second, 22),
];

/// The same, of FP and SIMD: only where there is that.
const VECTOR_FEATURES: &[Feature] = &[
    // AES, PMULL, SHA1, SHA2, SHA512, ASIMDRDM, SHA3, SM3, SM4, ASIMDDP, ASIMDFHM.
    (ISAR0, 4, 1, First, 3),
    (ISAR0, 4, 2, First, 4),
    (ISAR0, 8, 1, First, 5),
    (ISAR0, 12, 1, First, 6),
    (ISAR0, 12, 2, First, 21),
    (ISAR0, 28, 1, First, 12),
    (ISAR0, 32, 1, First, 17),
    (ISAR0, 36, 1, First, 18),
    (ISAR0, 40, 1, First, 19),
    (ISAR0, 44, 1, First, 20),
    (ISAR0, 48, 1, First, 23),
    // JSCVT, FCMA, FRINT, BF16, EBF16, I8MM.
    (ISAR1, 12, 1, First, 13),
    (ISAR1, 16, 1, First, 14),
    (ISAR1, 32, 1, Second, 8),
    (ISAR1, 44, 1, Second, 14),
    (ISAR1, 44, 2, Second, 32),
    (ISAR1, 52, 1, Second, 13),
];

/// Fields of which one says that pointers can be authenticated, by the algorithm that the CPU has: APA, API, APA3; and that anything
/// else can be signed: GPA, GPI, GPA3.
pub const AUTHENTICATION: &[(Register, u32)] = &[(ISAR1, 4), (ISAR1, 8), (ISAR2, 12)];
const SIGNATURES: &[(Register, u32)] = &[(ISAR1, 24), (ISAR1, 28), (ISAR2, 8)];
/// PACA and PACG.
const AUTHENTICATES: usize = 1 << 30;
const SIGNS: usize = 1 << 31;

/// FP and ASIMD, and with half precision FPHP and ASIMDHP.
const FLOATING_POINT: usize = 1 << 0 | 1 << 1;
const HALF_PRECISION: usize = 1 << 9 | 1 << 10;
/// CPUID: identification registers can be read.
const READABLE: usize = 1 << 11;

impl Capabilities {
    /// Of what is shown; `read` gives what the CPU has.
    pub fn of(read: impl Fn(Register) -> u64) -> Self {
        let field = |register: Register, lowest: u32| register.shown(&read).unwrap_or(0) >> lowest & 0xf;
        let mut capabilities = Self { first: READABLE, second: 0 };
        for (fields, bit) in [(AUTHENTICATION, AUTHENTICATES), (SIGNATURES, SIGNS)] {
            if fields.iter().any(|(register, lowest)| field(*register, *lowest) != 0) {
                capabilities.first |= bit;
            }
        }
        let mut add = |features: &[Feature]| {
            for (register, lowest, least, word, bit) in features {
                if field(*register, *lowest) >= *least {
                    match word {
                        First => capabilities.first |= 1 << bit,
                        Second => capabilities.second |= 1 << bit,
                    }
                }
            }
        };
        add(FEATURES);
        match field(PFR0, 16) {
            0xf => return capabilities,
            precision => {
                add(VECTOR_FEATURES);
                capabilities.first |= FLOATING_POINT | if precision >= 1 { HALF_PRECISION } else { 0 };
            }
        }
        capabilities
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everything(_: Register) -> u64 {
        0x1111_1111_1111_1111 * 2
    }

    #[test]
    fn a_program_reads_what_linux_lets_it_read() {
        let shown = |crm, op2| register(crm, op2).shown(everything);
        assert_eq!(shown(0, 0), Some(everything(MIDR)));
        assert_eq!((shown(0, 5), shown(0, 6)), (Some(1 << 31), Some(0)));
        assert_eq!((shown(0, 1), shown(1, 0), shown(8, 0)), (None, None, None));
        assert_eq!((shown(2, 3), shown(7, 7)), (Some(0), Some(0)));
        assert_eq!(shown(4, 0), Some(0x2_0000_0022_0011));
        assert_eq!(shown(7, 0), Some(0x2000_0111_ff00_0000));
    }

    #[test]
    fn what_a_word_says_is_shown() {
        for (register, lowest, least, ..) in FEATURES.iter().chain(VECTOR_FEATURES) {
            let value = register.shown(|_| least << lowest).unwrap();
            assert_eq!(value >> lowest & 0xf, *least, "{register:?} from bit {lowest}");
        }
    }

    #[test]
    fn any_algorithm_authenticates() {
        let word = |of: (Register, u32)| Capabilities::of(|register| u64::from(register == of.0) << of.1).first;
        for algorithm in AUTHENTICATION {
            assert_eq!(word(*algorithm) & (AUTHENTICATES | SIGNS), AUTHENTICATES, "{algorithm:?}");
        }
        for algorithm in SIGNATURES {
            assert_eq!(word(*algorithm) & (AUTHENTICATES | SIGNS), SIGNS, "{algorithm:?}");
        }
    }

    #[test]
    fn no_bit_of_a_word_is_said_twice() {
        for word in [First, Second] {
            let bits =
                FEATURES.iter().chain(VECTOR_FEATURES).filter(|feature| feature.3 == word).map(|feature| feature.4);
            let mut bits: Vec<_> = bits.collect();
            let count = bits.len();
            bits.sort_unstable();
            bits.dedup();
            assert_eq!(bits.len(), count);
        }
    }

    #[test]
    fn without_floating_point_nothing_of_it_is_there() {
        let Capabilities { first, second } = Capabilities::of(|register| match register {
            PFR0 => 0xff_0000,
            _ => everything(register),
        });
        assert_eq!(first & (FLOATING_POINT | HALF_PRECISION | 1 << 3), 0);
        assert_eq!((first & READABLE, second & 1 << 8), (READABLE, 0));
    }
}
