//! Programs: random ones, and what they look like to the harness and to a person.

use std::fmt;

use conformance::{BLOCK, CODE, EXCEPTIONS, KERNEL_DATA, UNMAPPED, UNMAPPED_BLOCK, USER_DATA, WORDS, resumable};
use fastrand::Rng;

use crate::instruction::{Instruction, Register};

/// The last instruction; every program comes here again and again until it has taken all its exceptions.
const END: Instruction = Instruction::Svc(0xfff);

/// Which constants are what.
const SPSRS: std::ops::Range<u8> = 0..4;
const ELRS: std::ops::Range<u8> = 4..7;
const ADDRESSES: std::ops::Range<u8> = 7..10;
const STACK_POINTER: u8 = 10;
const FLAGS: std::ops::Range<u8> = 11..14;
const SEND_FIQ: u8 = 14;
const SEND_IRQ: u8 = 15;

/// A program.
#[derive(Clone, Debug)]
pub struct Program {
    pub instructions: [Instruction; WORDS],
    pub registers: [u64; 16],
    /// Where it begins.
    pub elr: u64,
    /// The state in which it begins.
    pub spsr: u64,
    /// Where it goes on after each exception.
    pub continuations: [u32; EXCEPTIONS],
}

impl Program {
    /// The next one.
    pub fn random(random: &mut Rng) -> Self {
        let mut instructions = [Instruction::Nop; WORDS];
        instructions[WORDS - 1] = END;
        let length = random.usize(4..WORDS - 12);
        let mut next = 0;
        while next < length {
            next = append(&mut instructions, next, random);
        }
        Self {
            instructions,
            registers: registers(random, length),
            elr: target(random, length),
            spsr: spsr(random),
            continuations: std::array::from_fn(|_| random.u32(..length as u32)),
        }
    }

    /// As the harness gets it.
    pub fn for_harness(&self) -> conformance::Program {
        conformance::Program {
            words: std::array::from_fn(|index| self.instructions[index].word(index)),
            registers: self.registers,
            elr: self.elr,
            spsr: self.spsr,
            continuations: self.continuations,
        }
    }

    /// The program with less in it: each leaves out one thing more.
    pub fn shorter(&self) -> Vec<Self> {
        let mut shorter = Vec::new();
        for index in 0..WORDS - 1 {
            let mut program = self.clone();
            match self.instructions[index] {
                // They go together with the exception return, so that the program still ends.
                Instruction::Nop | Instruction::CountReturn | Instruction::EndIfNoReturns => continue,
                Instruction::Eret => program.instructions[index - 2..=index].fill(Instruction::Nop),
                _ => program.instructions[index] = Instruction::Nop,
            }
            shorter.push(program);
        }
        const TO_THE_END: u32 = WORDS as u32 - 1;
        for index in 0..EXCEPTIONS {
            let mut program = self.clone();
            if self.continuations[index] != TO_THE_END {
                program.continuations[index] = TO_THE_END;
            } else if self.continuations[index..] != [TO_THE_END; EXCEPTIONS][index..] {
                program.continuations[index..].rotate_left(1); // one exception less before the next that matters
            } else {
                break;
            }
            shorter.push(program);
        }
        shorter
    }
}

/// Puts a random instruction, or a few that belong together, at `next`; returns the place after them.
fn append(instructions: &mut [Instruction; WORDS], next: usize, random: &mut Rng) -> usize {
    if random.u8(..6) == 0 {
        return append_return(instructions, next, random);
    }
    instructions[next] = single(random);
    next + 1
}

fn single(random: &mut Rng) -> Instruction {
    use Instruction::*;
    let bits = random.u8(..16);
    let flags = random.u8(FLAGS);
    let number = random.u16(..0x100);
    match random.u8(..25) {
        0..3 => DaifSet(bits),
        3..6 => DaifClear(bits),
        6 => Write(Register::Daif, flags),
        7 => SelectSp(random.bool()),
        8 => Pan(random.bool()),
        9 => Tco(random.bool()),
        10 => Write(choose(random, &[Register::Nzcv, Register::SpSel, Register::Pan, Register::Tco]), flags),
        11 => Write(Register::SpEl0, STACK_POINTER),
        12..16 => Read(random.u8(..8), choose(random, READABLE)),
        16 => ReadSp(random.u8(..8)),
        17..19 => Load(random.u8(ADDRESSES)),
        19 => LoadUnprivileged(random.u8(ADDRESSES)),
        20 => Svc(number),
        21 => Brk(number),
        22 => Udf(number),
        23 => Write(Register::Sgi0, SEND_FIQ),
        _ => Write(Register::Sgi1, SEND_IRQ),
    }
}

const READABLE: &[Register] = &[
    Register::Daif,
    Register::Nzcv,
    Register::CurrentEl,
    Register::SpSel,
    Register::Pan,
    Register::Tco,
    Register::Elr,
    Register::Spsr,
    Register::SpEl0,
];

fn choose<T: Copy>(random: &mut Rng, from: &[T]) -> T {
    from[random.usize(..from.len())]
}

/// An exception return, with a state and an address of its own or what the last exception left.
fn append_return(instructions: &mut [Instruction; WORDS], mut next: usize, random: &mut Rng) -> usize {
    if random.bool() {
        instructions[next] = Instruction::Write(Register::Spsr, random.u8(SPSRS));
        next += 1;
    }
    if random.bool() {
        instructions[next] = Instruction::Write(Register::Elr, random.u8(ELRS));
        next += 1;
    }
    // The last three of an aligned four.
    next = (next + 2) / 4 * 4 + 1;
    instructions[next..next + 3].copy_from_slice(&[
        Instruction::CountReturn,
        Instruction::EndIfNoReturns,
        Instruction::Eret,
    ]);
    next + 3
}

fn registers(random: &mut Rng, length: usize) -> [u64; 16] {
    let mut registers = [0; 16];
    let mut fill = |range: std::ops::Range<u8>, value: &mut dyn FnMut(&mut Rng) -> u64| {
        registers[usize::from(range.start)..usize::from(range.end)].fill_with(|| value(random));
    };
    fill(SPSRS, &mut spsr);
    fill(ELRS, &mut |random| target(random, length));
    fill(ADDRESSES, &mut |random| {
        choose(random, &[CODE, USER_DATA, USER_DATA, KERNEL_DATA, UNMAPPED_BLOCK, UNMAPPED]) + random.u64(..64) * 8
    });
    fill(FLAGS, &mut |random| random.u64(..1 << 32));
    registers[usize::from(STACK_POINTER)] = random.u64(..1 << 48) << 4;
    registers[usize::from(SEND_FIQ)] = 1; // to CPU 0, SGI 0
    registers[usize::from(SEND_IRQ)] = 1 << 24 | 1; // to CPU 0, SGI 1
    registers
}

/// Where an exception return goes: into the program, mostly.
fn target(random: &mut Rng, length: usize) -> u64 {
    resumable(match random.u8(..12) {
        0 => choose(random, &[CODE + BLOCK - 12, USER_DATA, KERNEL_DATA, UNMAPPED_BLOCK, UNMAPPED]),
        1 => CODE + random.u64(..length as u64 * 4),
        _ => CODE + random.u64(..length as u64) * 4,
    })
}

/// What an exception return restores: a state that the CPU has, mostly. No other bits than the model knows.
fn spsr(random: &mut Rng) -> u64 {
    const FLAGS: u64 = 0xf << 28;
    const TCO_PAN_SS: u64 = 1 << 25 | 1 << 22 | 1 << 21;
    const IL: u64 = 1 << 20;
    const DAIF: u64 = 0xf << 6;
    const AARCH32_USER: u64 = 0b1_0000;
    let mode = match random.u8(..4) {
        // QEMU's CPU would run AArch32 programs in user mode, the model's not.
        0 => std::iter::repeat_with(|| random.u64(..32)).find(|mode| *mode != AARCH32_USER).expect("it has no end"),
        _ => choose(random, &[0b0000, 0b0100, 0b0101]),
    };
    let il = if random.u8(..12) == 0 { IL } else { 0 };
    random.u64(..) & (FLAGS | TCO_PAN_SS | DAIF) | il | mode
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "begins at {}, SPSR {:#x}", address(self.elr), self.spsr)?;
        for (index, instruction) in self.instructions.iter().enumerate() {
            if *instruction == Instruction::Nop {
                continue;
            }
            write!(f, "{:6}  {instruction}", address(CODE + index as u64 * 4))?;
            match instruction.constant() {
                Some(x) if ELRS.contains(&x) => writeln!(f, "  // {}", address(self.registers[usize::from(x)]))?,
                Some(x) => writeln!(f, "  // {:#x}", self.registers[usize::from(x)])?,
                None => writeln!(f)?,
            }
        }
        let continuations = self.continuations.map(|index| format!("{:#x}", index * 4)).join(" ");
        writeln!(f, "goes on, after each exception, at {continuations}")
    }
}

/// An address in the program from its beginning, any other as it is.
pub fn address(address: u64) -> String {
    match address.wrapping_sub(CODE) {
        offset @ ..BLOCK => format!("+{offset:#x}"),
        _ => format!("{address:#x}"),
    }
}
