//! A stopped task's registers, as a tracer reads and writes them: sets of them, laid out as Linux has them.

use vestibule_arm64::breakpoints::Kind;
use vestibule_arm64::fpsimd::Fpsimd;
use vestibule_arm64::pstate::sanitise;
use vestibule_arm64::{Frame, Thread};

use crate::errno::{Errno, Result};
use crate::{breakpoints, debug_registers, syscalls};

/// A set of registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Set {
    /// X0 to X30, SP, PC, PSTATE.
    General,
    /// V0 to V31, FPSR, FPCR.
    Fpsimd,
    /// The system call's number.
    SystemCall,
    /// Breakpoints, or watchpoints.
    Debug(Kind),
}

/// Bytes in the largest, to whole words.
pub const LARGEST: usize = size_of::<Fpsimd>();
const GENERAL_WORDS: usize = 34;
const SP: usize = 31;
const PC: usize = 32;
const PSTATE: usize = 33;

impl Set {
    /// By its note type.
    pub fn new(kind: usize) -> Result<Set> {
        match kind {
            1 => Ok(Set::General),
            2 => Ok(Set::Fpsimd),
            0x402 => Ok(Set::Debug(Kind::Breakpoint)),
            0x403 => Ok(Set::Debug(Kind::Watchpoint)),
            0x404 => Ok(Set::SystemCall),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Bytes in it.
    pub const fn size(self) -> usize {
        match self {
            Set::General => GENERAL_WORDS * 8,
            Set::Fpsimd => size_of::<Fpsimd>(),
            Set::SystemCall => 4,
            Set::Debug(_) => debug_registers::SIZE,
        }
    }

    /// Only so many bytes, or a multiple of that, are read or written.
    pub const fn granule(self) -> usize {
        match self {
            Set::General | Set::Fpsimd => 8,
            Set::SystemCall | Set::Debug(_) => 4,
        }
    }

    /// Its bytes, at the beginning of these.
    ///
    /// # Safety
    /// The task of `thread` does not run, nor begin to, meanwhile.
    pub unsafe fn read(self, frame: &Frame, thread: &Thread) -> [u8; LARGEST] {
        let mut bytes = [0; LARGEST];
        match self {
            Set::General => {
                let words = frame.regs.into_iter().chain([frame.sp, frame.pc, frame.pstate]);
                put(&mut bytes, words.map(u64::to_le_bytes));
            }
            Set::Fpsimd => {
                // SAFETY: the caller's.
                let Fpsimd { vectors, status, control, .. } = unsafe { thread.fpsimd() };
                put(&mut bytes, vectors.iter().map(|vector| vector.to_le_bytes()));
                put(&mut bytes[size_of_val(&vectors)..], [status, control].iter().map(|word| word.to_le_bytes()));
            }
            Set::SystemCall => put(&mut bytes, [syscalls::number(frame).to_le_bytes()].into_iter()),
            Set::Debug(kind) => {
                // SAFETY: the caller's.
                let state = breakpoints::registers(kind).read(|number| unsafe { thread.point(kind, number) });
                bytes[..state.len()].copy_from_slice(&state);
            }
        }
        bytes
    }

    /// Changes it; what `bytes` does not reach stays. A PSTATE that no user program may have is refused, with everything.
    ///
    /// # Safety
    /// As [`read`](Set::read).
    pub unsafe fn write(self, bytes: &[u8], frame: &mut Frame, thread: &Thread) -> Result<()> {
        // SAFETY: the caller's.
        let mut whole = unsafe { self.read(frame, thread) };
        whole[..bytes.len()].copy_from_slice(bytes);
        match self {
            Set::Debug(kind) => breakpoints::registers(kind).write(
                bytes,
                // SAFETY: the caller's.
                |number| unsafe { thread.point(kind, number) },
                // SAFETY: the caller's; there are so many, and they are user mode's.
                |number, point| unsafe { thread.set_point(kind, number, point) },
            )?,
            Set::General => general(&whole, frame)?,
            // SAFETY: the caller's.
            Set::Fpsimd => unsafe { thread.set_fpsimd(&fpsimd(&whole)) },
            Set::SystemCall => {
                let number = i32::from_le_bytes(core::array::from_fn(|index| whole[index]));
                frame.syscall = i64::from(number) as u64;
            }
        }
        Ok(())
    }
}

fn put<const N: usize>(to: &mut [u8], values: impl Iterator<Item = [u8; N]>) {
    for (place, value) in to.as_chunks_mut().0.iter_mut().zip(values) {
        *place = value;
    }
}

fn general(bytes: &[u8], frame: &mut Frame) -> Result<()> {
    let (words, _) = bytes.as_chunks();
    let word = |index: usize| u64::from_le_bytes(words[index]);
    let (pstate, clean) = sanitise(word(PSTATE));
    if !clean {
        return Err(Errno::EINVAL);
    }
    for (index, register) in frame.regs.iter_mut().enumerate() {
        *register = word(index);
    }
    (frame.sp, frame.pc, frame.pstate) = (word(SP), word(PC), pstate);
    Ok(())
}

fn fpsimd(bytes: &[u8]) -> Fpsimd {
    let mut registers = Fpsimd::default();
    let (vectors, rest) = bytes.split_at(size_of_val(&registers.vectors));
    for (register, bytes) in registers.vectors.iter_mut().zip(vectors.as_chunks().0) {
        *register = u128::from_le_bytes(*bytes);
    }
    let (words, _) = rest.as_chunks();
    (registers.status, registers.control) = (u32::from_le_bytes(words[0]), u32::from_le_bytes(words[1]));
    registers
}
