//! Linux's signal frame on arm64: where what lies, and how it is read and written. Pure; its tests run on the host.
//!
//! ```text
//!    0   siginfo_t, 128 bytes
//!  128   flags and link, the alternate stack, the mask (48 bytes), room for a larger mask
//!  304   fault address, X0 to X30, SP, PC, PSTATE
//!  592   records: each its magic number, its size, its contents (FP/SIMD registers); the last is empty
//! 4688   frame record: X29 and X30 of the interrupted code
//! ```

use core::mem::offset_of;

use vestibule_arm64::Frame;
use vestibule_arm64::pstate::TCO;

use super::info::{INFO_WORDS, Info};
use crate::planted::Bug;

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
        self.0.wrapping_add(INFO_WORDS * size_of::<u64>())
    }

    /// Where [`Head`] lies.
    pub fn head(self) -> usize {
        self.0
    }

    /// Where the alternate stack (three words) and the mask lie.
    pub fn stack_and_mask(self) -> usize {
        self.0.wrapping_add(STACK * size_of::<u64>())
    }

    /// Where the fault address lies.
    pub fn fault_address(self) -> usize {
        self.0.wrapping_add(CONTEXT)
    }

    /// Where the [registers] lie.
    pub fn registers(self) -> usize {
        self.fault_address().wrapping_add(size_of::<u64>())
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

/// With two words of the room for a larger mask: whole blocks are copied faster.
const HEAD_WORDS: usize = 24;
const STACK: usize = 18;
const MASK: usize = 21;

/// The first part: siginfo_t, and the beginning of ucontext_t.
pub struct Head([u64; HEAD_WORDS]);

impl Head {
    /// Of a signal with `info`, of a task with that alternate stack and that mask to go back to.
    #[inline(always)]
    pub fn new(info: &Info, stack: [u64; 3], mask: u64) -> Head {
        let mut words = [0; HEAD_WORDS];
        info.put(&mut words);
        words[STACK..MASK].copy_from_slice(&stack);
        words[MASK] = mask;
        Head(words)
    }

    /// For user mode.
    pub fn words(&self) -> &[u64; HEAD_WORDS] {
        &self.0
    }
}

/// The interrupted code's registers: X0 to X30, SP, PC, PSTATE.
pub type Registers = [u64; 34];

/// Those in a frame. They lie there as they do in a signal's, so that nobody has to put them together.
pub fn registers(frame: &Frame) -> &Registers {
    // SAFETY: these are the first words of a frame, as `LIE_ALIKE` says, and borrowed as the frame is.
    unsafe { &*core::ptr::from_ref(frame).cast() }
}

/// The same, to be changed. Any values make registers, but PSTATE is to be [sanitised](vestibule_arm64::pstate::sanitise).
pub fn registers_mut(frame: &mut Frame) -> &mut Registers {
    // SAFETY: as above.
    unsafe { &mut *core::ptr::from_mut(frame).cast() }
}

const LIE_ALIKE: () = {
    assert!(offset_of!(Frame, regs) == 0 && offset_of!(Frame, sp) == 31 * 8);
    assert!(offset_of!(Frame, pc) == 32 * 8 && offset_of!(Frame, pstate) == 33 * 8);
};
const _: () = LIE_ALIKE;

/// The first word of a record: its magic number, and its size in bytes with this word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordHead {
    /// What it is.
    pub magic: u32,
    /// How long it is.
    pub size: u32,
}

const RECORD_ALIGNMENT: usize = 16;
/// Bytes of the FP/SIMD record before the vector registers.
pub const BEFORE_VECTORS: usize = 16;

impl RecordHead {
    /// After the last one.
    pub const END: RecordHead = RecordHead { magic: 0, size: 0 };
    /// Of FP/SIMD registers.
    pub const FPSIMD: RecordHead = RecordHead { magic: 0x4650_8001, size: (BEFORE_VECTORS + 512) as u32 };
    /// Of a fault's syndrome: says nothing about where to go on.
    pub const SYNDROME: RecordHead = RecordHead { magic: 0x4553_5201, size: 16 };

    /// From user mode's word.
    pub const fn from_word(word: u64) -> RecordHead {
        RecordHead { magic: word as u32, size: (word >> 32) as u32 }
    }

    /// For user mode.
    pub const fn to_word(self) -> u64 {
        self.magic as u64 | (self.size as u64) << 32
    }
}

/// A handler begins with tag checks on, and not stepped.
pub fn pstate_of_handler(pstate: u64) -> u64 {
    const SS: u64 = 1 << 21;
    pstate & !(SS | if Bug::KeptTco.is_planted() { 0 } else { TCO })
}
