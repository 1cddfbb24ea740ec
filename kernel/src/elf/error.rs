//! Why a file is not loaded.

use core::fmt;

use elf::abi::EM_AARCH64;

/// Why a file is not loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElfError {
    /// Does not start with ELF's magic number.
    NotElf,
    /// The header or the header tables are cut short or contradict themselves.
    Malformed,
    /// 32-bit.
    Not64Bit,
    /// Big endian.
    NotLittleEndian,
    /// For another machine (e_machine).
    ForeignMachine(u16),
    /// Not a program but an object or a dump (e_type).
    NotExecutable(u16),
    /// Asks for a dynamic loader (PT_INTERP, the program header's index).
    NeedsInterpreter(usize),
    /// No segment to load.
    NothingToLoad,
    /// The file ends before the segment does: index, and the file offset where its bytes should end.
    TruncatedSegment(usize, u64),
    /// Address and file offset do not lie alike in their pages: index, address and offset.
    Misaligned(usize, u64, u64),
    /// Asks for an alignment (the number) that is no power of two, or larger than user memory.
    BadAlignment(usize, u64),
    /// More bytes in the file than in memory.
    FileLargerThanMemory(usize),
    /// Reaches outside user memory: index and address.
    OutsideUserMemory(usize, u64),
    /// Shares a page with an earlier segment: index and address.
    Overlap(usize, u64),
    /// Both writable and executable.
    WritableAndExecutable(usize),
    /// The entry point is not in an executable segment.
    EntryNotExecutable(u64),
}

impl fmt::Display for ElfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotElf => f.write_str("not an ELF file"),
            Self::Malformed => f.write_str("ELF headers are cut short or malformed"),
            Self::Not64Bit => f.write_str("ELF header: not a 64-bit program"),
            Self::NotLittleEndian => f.write_str("ELF header: not little endian"),
            Self::ForeignMachine(machine) => write!(f, "ELF header: machine {machine} is not arm64 ({EM_AARCH64})"),
            Self::NotExecutable(kind) => write!(f, "ELF header: type {kind} is not a program"),
            Self::NeedsInterpreter(index) => write!(f, "program header {index}: asks for a dynamic loader"),
            Self::NothingToLoad => f.write_str("no program header is a loadable segment"),
            Self::TruncatedSegment(index, end) => {
                write!(f, "program header {index}: the file ends before the segment's bytes do, at offset {end:#x}")
            }
            Self::Misaligned(index, address, offset) => {
                write!(
                    f,
                    "program header {index}: address {address:#x} and file offset {offset:#x} differ within the page"
                )
            }
            Self::BadAlignment(index, align) => write!(f, "program header {index}: cannot be aligned to {align:#x}"),
            Self::FileLargerThanMemory(index) => write!(f, "program header {index}: larger in the file than in memory"),
            Self::OutsideUserMemory(index, address) => {
                write!(f, "program header {index}: address {address:#x} is outside user memory")
            }
            Self::Overlap(index, address) => {
                write!(f, "program header {index}: the page at {address:#x} belongs to another segment too")
            }
            Self::WritableAndExecutable(index) => write!(f, "program header {index}: writable and executable"),
            Self::EntryNotExecutable(entry) => write!(f, "entry point {entry:#x} is not in an executable segment"),
        }
    }
}
