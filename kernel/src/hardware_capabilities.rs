//! What the CPU can do that programs may use: HWCAP and HWCAP2 of the auxiliary vector.
//!
//! Only what this kernel leaves to programs and keeps for them: no SVE, no SME, no pointer authentication, no tags, no guarded
//! control stack.

use crate::registers::read_register;

/// The two words, by Linux's bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// AT_HWCAP.
    pub first: usize,
    /// AT_HWCAP2.
    pub second: usize,
}

/// Which field of an identification register says so (its lowest bit), from which value on, and the bit of the word.
struct Feature {
    shift: u32,
    least: u64,
    bit: u32,
}

const fn feature(shift: u32, least: u64, bit: u32) -> Feature {
    Feature { shift, least, bit }
}

/// ID_AA64ISAR0_EL1, general registers only: CRC32, ATOMICS, FLAGM.
const INTEGER_0: [Feature; 3] = [feature(16, 1, 7), feature(20, 2, 8), feature(52, 1, 27)];
/// ID_AA64ISAR0_EL1, vector registers: AES, PMULL, SHA1, SHA2, SHA512, ASIMDRDM, SHA3, ASIMDDP, ASIMDFHM.
const VECTOR_0: [Feature; 9] = [
    feature(4, 1, 3),
    feature(4, 2, 4),
    feature(8, 1, 5),
    feature(12, 1, 6),
    feature(12, 2, 21),
    feature(28, 1, 12),
    feature(32, 1, 17),
    feature(44, 1, 20),
    feature(48, 1, 23),
];
/// ID_AA64ISAR1_EL1, general registers: DCPOP, LRCPC, ILRCPC, SB.
const INTEGER_1: [Feature; 4] = [feature(0, 1, 16), feature(20, 1, 15), feature(20, 2, 26), feature(36, 1, 29)];
/// ID_AA64ISAR1_EL1, vector registers: JSCVT, FCMA.
const VECTOR_1: [Feature; 2] = [feature(12, 1, 13), feature(16, 1, 14)];
/// ID_AA64ISAR0_EL1, for the second word: FLAGM2, RNG.
const SECOND_0: [Feature; 2] = [feature(52, 2, 7), feature(60, 1, 16)];
/// ID_AA64ISAR1_EL1, vector registers, for the second word: FRINT, BF16, I8MM.
const SECOND_VECTOR_1: [Feature; 3] = [feature(32, 1, 8), feature(44, 1, 14), feature(52, 1, 13)];

/// FP and ASIMD, and with half precision FPHP and ASIMDHP.
const FLOATING_POINT: usize = 1 << 0 | 1 << 1;
const HALF_PRECISION: usize = 1 << 9 | 1 << 10;

/// Those of the CPU that this runs on; all are alike.
pub fn of_this_cpu() -> Capabilities {
    let (first, second) = (read_register!("id_aa64isar0_el1"), read_register!("id_aa64isar1_el1"));
    let mut capabilities = Capabilities {
        first: present(&INTEGER_0, first) | present(&INTEGER_1, second),
        second: present(&SECOND_0, first),
    };
    let floating_point = field(read_register!("id_aa64pfr0_el1"), 16);
    if floating_point != 0xf {
        capabilities.first |= FLOATING_POINT | present(&VECTOR_0, first) | present(&VECTOR_1, second);
        capabilities.first |= if floating_point >= 1 { HALF_PRECISION } else { 0 };
        capabilities.second |= present(&SECOND_VECTOR_1, second);
    }
    capabilities
}

fn present(features: &[Feature], register: u64) -> usize {
    let bits = features.iter().filter(|feature| field(register, feature.shift) >= feature.least);
    bits.fold(0, |word, feature| word | 1 << feature.bit)
}

fn field(register: u64, shift: u32) -> u64 {
    register >> shift & 0xf
}
