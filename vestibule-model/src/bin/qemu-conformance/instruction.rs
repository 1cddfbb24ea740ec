//! The instructions that programs consist of, as text and as A64 words.

use std::fmt;

use conformance::WORDS;

/// The register that counts exception returns.
const RETURNS: u32 = 28;
/// The register that loads go to.
const LOADED: u32 = 24;

/// One instruction. `Xn` of the constants is named by its number; what is read goes to X16 and those after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Instruction {
    Nop,
    /// MSR DAIFSet.
    DaifSet(u8),
    /// MSR DAIFClr.
    DaifClear(u8),
    /// MSR SPSel, an immediate.
    SelectSp(bool),
    /// MSR PAN, an immediate.
    Pan(bool),
    /// MSR TCO, an immediate.
    Tco(bool),
    /// MSR from a constant.
    Write(Register, u8),
    /// MRS to X16 and after.
    Read(u8, Register),
    /// MOV from SP, to X16 and after.
    ReadSp(u8),
    /// LDR from the address in a constant.
    Load(u8),
    /// LDTR: as user mode loads.
    LoadUnprivileged(u8),
    Svc(u16),
    Brk(u16),
    Udf(u16),
    /// One exception return less is left.
    CountReturn,
    /// To the last instruction if there was none left.
    EndIfNoReturns,
    Eret,
}

/// A system register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Register {
    Daif,
    Nzcv,
    CurrentEl,
    SpSel,
    Pan,
    Tco,
    Elr,
    Spsr,
    SpEl0,
    /// ICC_SGI0R_EL1: sends the FIQ.
    Sgi0,
    /// ICC_SGI1R_EL1: sends the IRQ.
    Sgi1,
}

impl Instruction {
    /// As the CPU reads it at place `index` of a program.
    pub fn word(self, index: usize) -> u32 {
        let immediate = |op1: u32, op2: u32, value: u32| 0xd500_401f | op1 << 16 | value << 8 | op2 << 5;
        let move_register = |register: Register, x: u32| 0xd500_0000 | register.place() | x;
        match self {
            Self::Nop => 0xd503_201f,
            Self::DaifSet(bits) => immediate(3, 6, bits.into()),
            Self::DaifClear(bits) => immediate(3, 7, bits.into()),
            Self::SelectSp(bit) => immediate(0, 5, bit.into()),
            Self::Pan(bit) => immediate(0, 4, bit.into()),
            Self::Tco(bit) => immediate(3, 4, bit.into()),
            Self::Write(register, x) => move_register(register, x.into()),
            Self::Read(n, register) => 1 << 21 | move_register(register, 16 + u32::from(n)),
            Self::ReadSp(n) => 0x9100_03e0 | (16 + u32::from(n)),
            Self::Load(x) => 0xf940_0000 | u32::from(x) << 5 | LOADED,
            Self::LoadUnprivileged(x) => 0xf840_0800 | u32::from(x) << 5 | LOADED,
            Self::Svc(number) => 0xd400_0001 | u32::from(number) << 5,
            Self::Brk(number) => 0xd420_0000 | u32::from(number) << 5,
            Self::Udf(number) => number.into(),
            Self::CountReturn => 0xd100_0400 | RETURNS << 5 | RETURNS,
            Self::EndIfNoReturns => 0xb7f8_0000 | ((WORDS - 1 - index) as u32) << 5 | RETURNS,
            Self::Eret => 0xd69f_03e0,
        }
    }

    /// The constant that it reads.
    pub fn constant(self) -> Option<u8> {
        match self {
            Self::Write(_, x) | Self::Load(x) | Self::LoadUnprivileged(x) => Some(x),
            _ => None,
        }
    }
}

impl Register {
    /// op0, op1, CRn, CRm, op2.
    pub const fn encoding(self) -> [u32; 5] {
        match self {
            Self::Daif => [3, 3, 4, 2, 1],
            Self::Nzcv => [3, 3, 4, 2, 0],
            Self::CurrentEl => [3, 0, 4, 2, 2],
            Self::SpSel => [3, 0, 4, 2, 0],
            Self::Pan => [3, 0, 4, 2, 3],
            Self::Tco => [3, 3, 4, 2, 7],
            Self::Elr => [3, 0, 4, 0, 1],
            Self::Spsr => [3, 0, 4, 0, 0],
            Self::SpEl0 => [3, 0, 4, 1, 0],
            Self::Sgi0 => [3, 0, 12, 11, 7],
            Self::Sgi1 => [3, 0, 12, 11, 5],
        }
    }

    /// Where MSR and MRS have the encoding.
    const fn place(self) -> u32 {
        let [op0, op1, crn, crm, op2] = self.encoding();
        op0 << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Nop => write!(f, "nop"),
            Self::DaifSet(bits) => write!(f, "msr DAIFSet, #{bits}"),
            Self::DaifClear(bits) => write!(f, "msr DAIFClr, #{bits}"),
            Self::SelectSp(bit) => write!(f, "msr SPSel, #{}", u8::from(bit)),
            Self::Pan(bit) => write!(f, "msr PAN, #{}", u8::from(bit)),
            Self::Tco(bit) => write!(f, "msr TCO, #{}", u8::from(bit)),
            Self::Write(register, x) => write!(f, "msr {register}, x{x}"),
            Self::Read(n, register) => write!(f, "mrs x{}, {register}", 16 + n),
            Self::ReadSp(n) => write!(f, "mov x{}, sp", 16 + n),
            Self::Load(x) => write!(f, "ldr x{LOADED}, [x{x}]"),
            Self::LoadUnprivileged(x) => write!(f, "ldtr x{LOADED}, [x{x}]"),
            Self::Svc(number) => write!(f, "svc #{number:#x}"),
            Self::Brk(number) => write!(f, "brk #{number:#x}"),
            Self::Udf(number) => write!(f, "udf #{number:#x}"),
            Self::CountReturn => write!(f, "sub x{RETURNS}, x{RETURNS}, #1"),
            Self::EndIfNoReturns => write!(f, "tbnz x{RETURNS}, #63, end"),
            Self::Eret => write!(f, "eret"),
        }
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Daif => "DAIF",
            Self::Nzcv => "NZCV",
            Self::CurrentEl => "CurrentEL",
            Self::SpSel => "SPSel",
            Self::Pan => "PAN",
            Self::Tco => "TCO",
            Self::Elr => "ELR_EL1",
            Self::Spsr => "SPSR_EL1",
            Self::SpEl0 => "SP_EL0",
            Self::Sgi0 => "ICC_SGI0R_EL1",
            Self::Sgi1 => "ICC_SGI1R_EL1",
        })
    }
}
