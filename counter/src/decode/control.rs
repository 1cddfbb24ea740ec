//! Where an instruction goes on, and what of the exception state it touches: what a walk over machine code needs. The
//! group "Branches, Exception Generating and System instructions" is told apart completely: what is not known there is
//! said to be unknown, not taken for harmless.

use super::Mask;

/// What may run after an instruction. Distances are in bytes, from the instruction itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The next instruction.
    Next,
    /// That far away: B.
    Jump(i64),
    /// There, or the next: B.cond, CBZ, CBNZ, TBZ, TBNZ.
    Branch(i64),
    /// There, and the next when it comes back: BL.
    Call(i64),
    /// Wherever a register says: BR and its kin.
    IndirectJump,
    /// The same, and the next when it comes back: BLR and its kin.
    IndirectCall,
    /// The caller: RET and its kin.
    Return,
    /// The interrupted code: ERET and its kin.
    ExceptionReturn,
    /// An exception: SVC, HVC, SMC, BRK, HLT, DCPS, UDF.
    Exception,
    /// A branch of a kind that is not known here.
    Unknown,
}

/// What is written to the masks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskWrite {
    /// DAIFSet: masks these (D 8, A 4, I 2, F 1).
    Set(u8),
    /// DAIFClr: opens these.
    Clear(u8),
    /// DAIF, from a register.
    Register,
    /// The priority mask, from a register.
    Priority,
    /// ALLINT, set: masks every interrupt.
    AllintSet,
    /// ALLINT, clear.
    AllintClear,
    /// ALLINT, from a register.
    AllintRegister,
}

/// The registers that the next exception overwrites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExceptionRegister {
    /// ELR_EL1.
    Elr,
    /// SPSR_EL1.
    Spsr,
    /// ESR_EL1.
    Esr,
    /// FAR_EL1.
    Far,
}

/// Where the instruction `word` goes on.
pub fn flow(word: u32) -> Flow {
    if word >> 16 == 0 {
        return Flow::Exception; // UDF
    }
    if word >> 26 & 0b111 != 0b101 {
        return Flow::Next;
    }
    match word >> 29 {
        0b000 => Flow::Jump(distance(word, 0, 26)),
        0b100 => Flow::Call(distance(word, 0, 26)),
        0b001 | 0b101 => compare_or_test(word),
        0b010 if word >> 24 == 0x54 => Flow::Branch(distance(word, 5, 19)),
        0b110 => exception_system_or_register(word),
        _ => Flow::Unknown,
    }
}

fn compare_or_test(word: u32) -> Flow {
    let width = if word >> 25 & 1 == 0 { 19 } else { 14 };
    Flow::Branch(distance(word, 5, width))
}

fn exception_system_or_register(word: u32) -> Flow {
    match word >> 24 & 0b11 {
        0b00 => Flow::Exception,
        0b01 => Flow::Next, // hints, barriers, PSTATE fields, system instructions and registers
        _ => match word >> 21 & 0xf {
            0b0000 | 0b1000 => Flow::IndirectJump, // bit 24: with pointer authentication and a modifier
            0b0001 | 0b1001 => Flow::IndirectCall,
            0b0010 => Flow::Return,
            0b0100 => Flow::ExceptionReturn,
            _ => Flow::Unknown,
        },
    }
}

/// The signed number of instructions in the `width` bits from `low` on, in bytes.
fn distance(word: u32, low: u32, width: u32) -> i64 {
    let top = 64 - width;
    (i64::from(word >> low) << top >> top) * 4
}

/// What the instruction `word` writes to the masks.
pub fn mask_write(word: u32) -> Option<MaskWrite> {
    let bits = (word >> 8 & 0xf) as u8;
    match word & 0xffff_f0ff {
        0xd503_40df => return Some(MaskWrite::Set(bits)),   // MSR DAIFSet, #imm
        0xd503_40ff => return Some(MaskWrite::Clear(bits)), // MSR DAIFClr, #imm
        0xd501_401f if bits & 1 == 1 => return Some(MaskWrite::AllintSet), // MSR ALLINT, #imm
        0xd501_401f => return Some(MaskWrite::AllintClear),
        _ => {}
    }
    match word & 0xffff_ffe0 {
        0xd51b_4220 => Some(MaskWrite::Register),       // MSR DAIF, Xt
        0xd518_4300 => Some(MaskWrite::AllintRegister), // MSR ALLINT, Xt
        0xd518_4600 => Some(MaskWrite::Priority),       // MSR ICC_PMR_EL1, Xt
        _ => None,
    }
}

impl MaskWrite {
    /// Which mask.
    pub fn mask(self) -> Mask {
        match self {
            MaskWrite::Set(_) | MaskWrite::Clear(_) | MaskWrite::Register => Mask::Daif,
            MaskWrite::Priority => Mask::Pmr,
            MaskWrite::AllintSet | MaskWrite::AllintClear | MaskWrite::AllintRegister => Mask::Allint,
        }
    }
}

/// Which of the registers that the next exception overwrites the instruction `word` reads.
pub fn reads(word: u32) -> Option<ExceptionRegister> {
    (word >> 20 == 0xd53).then(|| exception_register(word)).flatten()
}

/// Which of them it writes.
pub fn writes(word: u32) -> Option<ExceptionRegister> {
    (word >> 20 == 0xd51).then(|| exception_register(word)).flatten()
}

fn exception_register(word: u32) -> Option<ExceptionRegister> {
    match word >> 5 & 0x7fff {
        0x4201 => Some(ExceptionRegister::Elr),
        0x4200 => Some(ExceptionRegister::Spsr),
        0x4290 => Some(ExceptionRegister::Esr),
        0x4300 => Some(ExceptionRegister::Far),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip]
    const KNOWN: &[(u32, Flow)] = &[
        (0x1400_0004, Flow::Jump(16)), // b .+16
        (0x17ff_fffd, Flow::Jump(-12)), // b .-12
        (0x5400_00c1, Flow::Branch(24)), // b.ne .+24
        (0xb4ff_ff80, Flow::Branch(-16)), // cbz x0, .-16
        (0x3500_0183, Flow::Branch(48)), // cbnz w3, .+48
        (0xb640_0007, Flow::Branch(0)), // tbz x7, #40, .
        (0x371f_fea1, Flow::Branch(-44)), // tbnz w1, #3, .-44
        (0x9400_03f9, Flow::Call(4068)), // bl .+4068
        (0x97ff_fbf8, Flow::Call(-4128)), // bl .-4128
        (0xd61f_02a0, Flow::IndirectJump), // br x21
        (0xd71f_0801, Flow::IndirectJump), // braa x0, x1
        (0xd61f_081f, Flow::IndirectJump), // braaz x0
        (0xd63f_0100, Flow::IndirectCall), // blr x8
        (0xd73f_0801, Flow::IndirectCall), // blraa x0, x1
        (0xd63f_081f, Flow::IndirectCall), // blraaz x0
        (0xd65f_03c0, Flow::Return), // ret
        (0xd65f_0020, Flow::Return), // ret x1
        (0xd65f_0bff, Flow::Return), // retaa
        (0xd69f_03e0, Flow::ExceptionReturn), // eret
        (0xd69f_0fff, Flow::ExceptionReturn), // eretab
        (0xd6bf_03e0, Flow::Unknown), // drps
        (0x7400_0000, Flow::Unknown), // cbgt w0, w0, .
        (0x5500_001f, Flow::Unknown), // retaasppc .
        (0xd420_0020, Flow::Exception), // brk #1
        (0xd45e_0000, Flow::Exception), // hlt #0xf000
        (0xd400_0001, Flow::Exception), // svc #0
        (0xd4a0_0001, Flow::Exception), // dcps1
        (0x0000_0000, Flow::Exception), // udf #0
        (0x0000_0007, Flow::Exception), // udf #7
        (0xd503_201f, Flow::Next), // nop
        (0xd503_3fdf, Flow::Next), // isb
        (0xd503_4fdf, Flow::Next), // msr daifset, #15
        (0xd538_4028, Flow::Next), // mrs x8, elr_el1
        (0x58ff_fa80, Flow::Next), // ldr x0, literal
        (0x10ff_fa00, Flow::Next), // adr x0, .-192
        (0x9100_0400, Flow::Next), // add x0, x0, #1
    ];

    #[test]
    fn known_encodings_go_on_where_the_manual_says() {
        for &(word, expected) in KNOWN {
            assert_eq!(flow(word), expected, "{word:#010x}");
        }
    }

    #[test]
    fn mask_writes_say_what_they_write() {
        let known = [
            (0xd503_4fdf, Some(MaskWrite::Set(15))),        // msr daifset, #15
            (0xd503_4cff, Some(MaskWrite::Clear(12))),      // msr daifclr, #12
            (0xd51b_422a, Some(MaskWrite::Register)),       // msr daif, x10
            (0xd518_4605, Some(MaskWrite::Priority)),       // msr icc_pmr_el1, x5
            (0xd501_411f, Some(MaskWrite::AllintSet)),      // msr allint, #1
            (0xd501_401f, Some(MaskWrite::AllintClear)),    // msr allint, #0
            (0xd518_4307, Some(MaskWrite::AllintRegister)), // msr allint, x7
            (0xd53b_4228, None),                            // mrs x8, daif
            (0xd503_201f, None),                            // nop
        ];
        for (word, expected) in known {
            assert_eq!(mask_write(word), expected, "{word:#010x}");
        }
    }

    #[test]
    fn exception_registers_are_those_of_el1() {
        use ExceptionRegister::{Elr, Esr, Far, Spsr};
        let read = [0xd538_4028, 0xd538_4013, 0xd538_5209, 0xd538_6001, 0xd538_d088, 0xd518_4028].map(reads);
        assert_eq!(read, [Some(Elr), Some(Spsr), Some(Esr), Some(Far), None, None]);
        let written = [0xd518_4028, 0xd518_4013, 0xd51c_4028, 0xd538_4028].map(writes); // the third: ELR_EL2
        assert_eq!(written, [Some(Elr), Some(Spsr), None, None]);
    }
}
