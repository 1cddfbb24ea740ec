//! Linux's signal frame on arm64: where what lies, and how it is read and written. Pure; its tests run on the host.
//!
//! ```text
//!    0   siginfo_t, 128 bytes
//!  128   flags and link, the alternate stack, the mask (48 bytes), room for a larger mask
//!  304   fault address, X0 to X30, SP, PC, PSTATE
//!  592   records: each its magic number, its size, its contents (FP/SIMD registers); the last is empty
//! 4688   frame record: X29 and X30 of the interrupted code
//! ```

use vestibule_arm64::Frame;
use vestibule_arm64::fpsimd::Fpsimd;

use super::info::INFO_SIZE;

/// Bytes in all, without the frame record.
pub const SIZE: usize = 4688;
const CONTEXT: usize = 304;
const RECORDS: usize = 592;
const ALIGNMENT: u64 = 16;

/// Where on the user's stack a frame lies.
#[derive(Clone, Copy)]
pub struct SignalFrame(usize);

impl SignalFrame {
    /// A new one, with its frame record, on a stack that is used down to `top`.
    pub fn below(top: u64) -> SignalFrame {
        let record = (top & !(ALIGNMENT - 1)).wrapping_sub(16);
        SignalFrame(record.wrapping_sub(SIZE as u64) as usize)
    }

    /// The one that a handler was called with, if it can be one.
    pub fn at(sp: u64) -> Option<SignalFrame> {
        sp.is_multiple_of(ALIGNMENT).then_some(SignalFrame(sp as usize))
    }

    /// Its first byte: the handler's stack pointer.
    pub fn address(self) -> usize {
        self.0
    }

    /// The siginfo_t.
    pub fn info(self) -> usize {
        self.0
    }

    /// The ucontext_t.
    pub fn user_context(self) -> usize {
        self.0.wrapping_add(INFO_SIZE)
    }

    /// Where [`Head`] lies.
    pub fn head(self) -> usize {
        self.0
    }

    /// Where [`Context`] lies.
    pub fn context(self) -> usize {
        self.0.wrapping_add(CONTEXT)
    }

    /// Where the record lies that begins `offset` bytes after the first, if that is a place for one.
    pub fn other_record(self, offset: usize) -> Option<usize> {
        let is_place = offset.is_multiple_of(RECORD_ALIGNMENT) && offset <= SIZE - RECORDS - size_of::<u64>();
        is_place.then(|| self.0.wrapping_add(RECORDS + offset))
    }

    /// Where the frame record lies.
    pub fn record(self) -> usize {
        self.0.wrapping_add(SIZE)
    }
}

const HEAD_WORDS: usize = 22;
const FLAGS: usize = 16;
const LINK: usize = 17;
const STACK: usize = 18;
const MASK: usize = 21;

/// The first part: siginfo_t, and the beginning of ucontext_t.
pub struct Head([u64; HEAD_WORDS]);

impl Head {
    /// Of a signal with `info`, of a task with that alternate stack and that mask to go back to.
    pub fn new(info: [u8; INFO_SIZE], stack: [u64; 3], mask: u64) -> Head {
        let mut words = [0; HEAD_WORDS];
        for (word, bytes) in words.iter_mut().zip(info.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        (words[FLAGS], words[LINK]) = (0, 0);
        words[STACK..MASK].copy_from_slice(&stack);
        words[MASK] = mask;
        Head(words)
    }

    /// From user mode's.
    pub fn from_words(words: [u64; HEAD_WORDS]) -> Head {
        Head(words)
    }

    /// For user mode.
    pub fn words(&self) -> &[u64; HEAD_WORDS] {
        &self.0
    }

    /// The alternate stack: where, flags, size.
    pub fn stack(&self) -> [u64; 3] {
        [self.0[STACK], self.0[STACK + 1], self.0[STACK + 2]]
    }

    /// What was blocked.
    pub fn mask(&self) -> u64 {
        self.0[MASK]
    }
}

const CONTEXT_WORDS: usize = 36;
const REGISTERS: usize = 1;
const SP: usize = 32;
const PC: usize = 33;
const PSTATE: usize = 34;

/// The second part: the interrupted code's registers.
pub struct Context([u64; CONTEXT_WORDS]);

impl Context {
    /// Of the interrupted code in `frame`.
    pub fn new(frame: &Frame, fault_address: u64) -> Context {
        let mut words = [0; CONTEXT_WORDS];
        words[0] = fault_address;
        words[REGISTERS..SP].copy_from_slice(&frame.regs);
        (words[SP], words[PC], words[PSTATE]) = (frame.sp, frame.pc, frame.pstate);
        Context(words)
    }

    /// From user mode's.
    pub fn from_words(words: [u64; CONTEXT_WORDS]) -> Context {
        Context(words)
    }

    /// For user mode.
    pub fn words(&self) -> &[u64; CONTEXT_WORDS] {
        &self.0
    }

    /// What PSTATE is to be, as user mode wrote it.
    pub fn pstate(&self) -> u64 {
        self.0[PSTATE]
    }

    /// The registers, but for PSTATE.
    pub fn restore(&self, frame: &mut Frame) {
        frame.regs.copy_from_slice(&self.0[REGISTERS..SP]);
        (frame.sp, frame.pc) = (self.0[SP], self.0[PC]);
    }
}

/// The first word of a record: its magic number, and its size in bytes with this word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordHead {
    /// What it is.
    pub magic: u32,
    /// How long it is.
    pub size: u32,
}

const RECORD_ALIGNMENT: usize = 16;
const FPSIMD_WORDS: usize = 66;

impl RecordHead {
    /// After the last one.
    pub const END: RecordHead = RecordHead { magic: 0, size: 0 };
    /// Of FP/SIMD registers.
    pub const FPSIMD: RecordHead = RecordHead { magic: 0x4650_8001, size: 8 * FPSIMD_WORDS as u32 };
    /// Of a fault's syndrome: says nothing about where to go on.
    pub const SYNDROME: RecordHead = RecordHead { magic: 0x4553_5201, size: 16 };

    /// From user mode's word.
    pub const fn from_word(word: u64) -> RecordHead {
        RecordHead { magic: word as u32, size: (word >> 32) as u32 }
    }

    const fn to_word(self) -> u64 {
        self.magic as u64 | (self.size as u64) << 32
    }
}

/// The record of FP/SIMD registers.
pub struct FpsimdRecord([u64; FPSIMD_WORDS]);

impl FpsimdRecord {
    /// Of these registers.
    pub fn new(registers: &Fpsimd) -> FpsimdRecord {
        let mut words = [0; FPSIMD_WORDS];
        words[0] = RecordHead::FPSIMD.to_word();
        words[1] = u64::from(registers.status) | u64::from(registers.control) << 32;
        for (halves, vector) in words[2..].as_chunks_mut().0.iter_mut().zip(registers.vectors) {
            *halves = [vector as u64, (vector >> 64) as u64];
        }
        FpsimdRecord(words)
    }

    /// From user mode's.
    pub fn from_words(words: [u64; FPSIMD_WORDS]) -> FpsimdRecord {
        FpsimdRecord(words)
    }

    /// For user mode, and the end after it.
    pub fn words(&self) -> &[u64; FPSIMD_WORDS] {
        &self.0
    }

    /// What it is of.
    pub fn registers(&self) -> Fpsimd {
        let mut registers = Fpsimd { status: self.0[1] as u32, control: (self.0[1] >> 32) as u32, ..Fpsimd::default() };
        for (vector, [low, high]) in registers.vectors.iter_mut().zip(self.0[2..].as_chunks().0) {
            *vector = u128::from(*low) | u128::from(*high) << 64;
        }
        registers
    }
}

/// A handler begins with tag checks on, wherever a branch may go, and not stepped.
pub fn pstate_of_handler(pstate: u64) -> u64 {
    const TCO: u64 = 1 << 25;
    const SS: u64 = 1 << 21;
    const BTYPE: u64 = 0b11 << 10;
    pstate & !(TCO | SS | BTYPE)
}
