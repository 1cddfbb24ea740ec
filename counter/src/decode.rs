//! Which A64 instructions are told apart, by the encodings of the Arm Architecture Reference Manual.

pub mod control;

use control::MaskWrite;

/// What one instruction adds to the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    pub mask_write: Option<Mask>,
    pub barrier: bool,
    pub load: bool,
    pub store: bool,
}

/// A register that masks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    Daif,
    Pmr,
    Allint,
}

/// A mark in a program: a phase begins or ends, or a round within it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Begin(u8),
    End,
    Round,
}

const FIRST_PHASE_HINT: u32 = 64;
const END_PHASE_HINT: u32 = 96;
const ROUND_HINT: u32 = 97;

pub fn effects(word: u32) -> Effects {
    let (load, store) = memory_access(word);
    Effects { mask_write: control::mask_write(word).map(MaskWrite::mask), barrier: is_barrier(word), load, store }
}

/// ERET, ERETAA, ERETAB.
pub fn is_exception_return(word: u32) -> bool {
    matches!(word, 0xd69f_03e0 | 0xd69f_0bff | 0xd69f_0fff)
}

pub fn mark(word: u32) -> Option<Mark> {
    if word & 0xffff_f01f != 0xd503_201f {
        return None;
    }
    match word >> 5 & 0x7f {
        END_PHASE_HINT => Some(Mark::End),
        ROUND_HINT => Some(Mark::Round),
        hint @ FIRST_PHASE_HINT..END_PHASE_HINT => Some(Mark::Begin((hint - FIRST_PHASE_HINT) as u8)),
        _ => None,
    }
}

fn is_barrier(word: u32) -> bool {
    matches!(
        word & 0xffff_f0ff,
        0xd503_30df // ISB
            | 0xd503_309f // DSB
            | 0xd503_303f // DSB nXS
            | 0xd503_30bf // DMB
    )
}

const NONE: (bool, bool) = (false, false);
const LOAD: (bool, bool) = (true, false);
const STORE: (bool, bool) = (false, true);
const BOTH: (bool, bool) = (true, true);

/// (load, store) of the class "Loads and stores": bit 27 set and bit 25 clear.
fn memory_access(word: u32) -> (bool, bool) {
    match word >> 28 & 0b11 {
        _ if word & 0x0a00_0000 != 0x0800_0000 => NONE,
        0b00 => exclusive_ordered_or_vector(word),
        0b01 => literal_tag_or_copy(word),
        0b10 => by_load_bit(word),
        _ => single_register(word),
    }
}

fn exclusive_ordered_or_vector(word: u32) -> (bool, bool) {
    let vector = bit(word, 26);
    // Above the pairs of exclusives, o2:o1 = 1:1 is CAS; o1 with a size of 32 or 64 bits in the pair slot is CASP.
    let compare_and_swap = bit(word, 21) && (bit(word, 23) || !bit(word, 31));
    if !vector && compare_and_swap { BOTH } else { by_load_bit(word) }
}

fn literal_tag_or_copy(word: u32) -> (bool, bool) {
    let opcode = word >> 22 & 0b11;
    let middle = word >> 10 & 0b11;
    match (bit(word, 24), bit(word, 21), middle) {
        (false, ..) if !bit(word, 26) && word >> 30 == 0b11 => NONE, // PRFM (literal)
        (false, ..) => LOAD,
        (true, true, 0b00) => by_load_bit(word),        // LDG, LDGM; STGM, STZGM
        (true, true, _) => STORE,                       // STG and its kin
        (true, false, 0b01) if opcode == 0b11 => STORE, // SET*
        (true, false, 0b01) => BOTH,                    // CPY*
        (true, false, _) if bit(word, 26) => by_load_bit(word), // STLUR, LDAPUR of SIMD registers
        (true, false, _) if opcode == 0b00 => STORE,    // STLUR
        (true, false, _) => LOAD,                       // LDAPUR
    }
}

fn single_register(word: u32) -> (bool, bool) {
    let unsigned_offset = bit(word, 24);
    match (unsigned_offset, bit(word, 21), word >> 10 & 0b11) {
        (false, true, 0b00) => atomic(word),
        (false, true, 0b01 | 0b11) => LOAD, // LDRAA, LDRAB
        _ => by_opcode(word),
    }
}

fn atomic(word: u32) -> (bool, bool) {
    match (bit(word, 15), word >> 12 & 0b111) {
        (true, 0b100 | 0b101) => LOAD,  // LDAPR, LD64B
        (true, 0b001..=0b011) => STORE, // ST64B and its kin
        _ => BOTH,                      // LDADD, SWP and their kin
    }
}

fn by_opcode(word: u32) -> (bool, bool) {
    let vector = bit(word, 26);
    match word >> 22 & 0b11 {
        _ if vector => by_load_bit(word),
        0b00 => STORE,
        0b10 if word >> 30 == 0b11 => NONE, // PRFM, PRFUM
        _ => LOAD,
    }
}

fn by_load_bit(word: u32) -> (bool, bool) {
    if bit(word, 22) { LOAD } else { STORE }
}

fn bit(word: u32, index: u32) -> bool {
    word >> index & 1 != 0
}

#[cfg(test)]
mod tests;
