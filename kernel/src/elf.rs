//! Static arm64 ELF programs: what to load where, or exactly why not. Pure; its tests run on the host.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use elf::ElfBytes;
use elf::abi::{
    EI_CLASS, EI_DATA, ELFCLASS32, ELFDATA2MSB, ELFMAGIC, EM_AARCH64, ET_EXEC, PF_R, PF_W, PF_X, PT_INTERP, PT_LOAD,
};
use elf::endian::LittleEndian;
use elf::segment::ProgramHeader;

use crate::regions::{PAGE_SIZE, Protection};

/// A program that has passed every check.
#[derive(Debug, PartialEq, Eq)]
pub struct Program<'a> {
    /// Where it starts.
    pub entry: usize,
    /// What to load, by rising address; no two share a page.
    pub segments: Vec<Segment<'a>>,
    /// Where its program headers will be in memory (AT_PHDR), if a segment has them.
    pub program_headers: Option<usize>,
    /// How many program headers there are (AT_PHNUM).
    pub program_header_count: usize,
    /// Size of each (AT_PHENT).
    pub program_header_size: usize,
}

/// One loadable segment.
#[derive(Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Its addresses, as the file says them; the end is not rounded.
    pub range: Range<usize>,
    /// Its first bytes; the rest is zero.
    pub bytes: &'a [u8],
    /// What the program may do with it.
    pub protection: Protection,
}

impl Segment<'_> {
    /// The whole pages it lies in.
    pub fn pages(&self) -> Range<usize> {
        self.range.start & !(PAGE_SIZE - 1)..self.range.end.next_multiple_of(PAGE_SIZE)
    }
}

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
    /// Not an executable with fixed addresses: an object, a shared library, a position-independent program (e_type).
    NotStatic(u16),
    /// Asks for a dynamic loader (PT_INTERP, the program header's index).
    NeedsInterpreter(usize),
    /// No segment to load.
    NothingToLoad,
    /// The file ends before the segment does: index, and the file offset where its bytes should end.
    TruncatedSegment(usize, u64),
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
            Self::NotStatic(kind) => write!(f, "ELF header: type {kind} is not a static executable ({ET_EXEC})"),
            Self::NeedsInterpreter(index) => write!(f, "program header {index}: asks for a dynamic loader"),
            Self::NothingToLoad => f.write_str("no program header is a loadable segment"),
            Self::TruncatedSegment(index, end) => {
                write!(f, "program header {index}: the file ends before the segment's bytes do, at offset {end:#x}")
            }
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

/// Checks `file` and says what to load. `user` is the range that user memory may use.
pub fn parse(file: &[u8], user: Range<usize>) -> Result<Program<'_>, ElfError> {
    check_identity(file)?;
    let elf = ElfBytes::<LittleEndian>::minimal_parse(file).map_err(|_| ElfError::Malformed)?;
    check_header(&elf)?;
    let headers = elf.segments().ok_or(ElfError::NothingToLoad)?;
    let mut segments: Vec<Segment> = Vec::new();
    for (index, header) in headers.iter().enumerate() {
        match header.p_type {
            PT_INTERP => return Err(ElfError::NeedsInterpreter(index)),
            PT_LOAD if header.p_memsz > 0 => {
                let segment = segment(file, index, &header, &user)?;
                add(&mut segments, index, segment)?;
            }
            _ => {}
        }
    }
    if segments.is_empty() {
        return Err(ElfError::NothingToLoad);
    }
    let entry = elf.ehdr.e_entry as usize;
    let starts = |segment: &Segment| segment.protection.execute && segment.range.contains(&entry);
    if !segments.iter().any(starts) {
        return Err(ElfError::EntryNotExecutable(elf.ehdr.e_entry));
    }
    let program_headers = headers
        .iter()
        .filter(|header| header.p_type == PT_LOAD && header.p_memsz > 0)
        .find(|header| (header.p_offset..header.p_offset + header.p_filesz).contains(&elf.ehdr.e_phoff))
        .map(|header| (header.p_vaddr + (elf.ehdr.e_phoff - header.p_offset)) as usize);
    Ok(Program {
        entry,
        segments,
        program_headers,
        program_header_count: usize::from(elf.ehdr.e_phnum),
        program_header_size: usize::from(elf.ehdr.e_phentsize),
    })
}

fn check_identity(file: &[u8]) -> Result<(), ElfError> {
    if !file.starts_with(&ELFMAGIC) {
        return Err(ElfError::NotElf);
    }
    match (file.get(EI_CLASS), file.get(EI_DATA)) {
        (Some(&ELFCLASS32), _) => Err(ElfError::Not64Bit),
        (_, Some(&ELFDATA2MSB)) => Err(ElfError::NotLittleEndian),
        _ => Ok(()),
    }
}

fn check_header(elf: &ElfBytes<LittleEndian>) -> Result<(), ElfError> {
    let header = &elf.ehdr;
    if header.e_machine != EM_AARCH64 {
        return Err(ElfError::ForeignMachine(header.e_machine));
    }
    if header.e_type != ET_EXEC {
        return Err(ElfError::NotStatic(header.e_type));
    }
    Ok(())
}

fn segment<'a>(
    file: &'a [u8],
    index: usize,
    header: &ProgramHeader,
    user: &Range<usize>,
) -> Result<Segment<'a>, ElfError> {
    if header.p_filesz > header.p_memsz {
        return Err(ElfError::FileLargerThanMemory(index));
    }
    let outside = ElfError::OutsideUserMemory(index, header.p_vaddr);
    let end = header.p_vaddr.checked_add(header.p_memsz).ok_or(outside)?;
    if header.p_vaddr < user.start as u64 || end > user.end as u64 {
        return Err(outside);
    }
    let bytes_end = header.p_offset.saturating_add(header.p_filesz);
    let bytes = usize::try_from(header.p_offset)
        .ok()
        .zip(usize::try_from(bytes_end).ok())
        .and_then(|(start, end)| file.get(start..end))
        .ok_or(ElfError::TruncatedSegment(index, bytes_end))?;
    let protection = Protection {
        read: header.p_flags & PF_R != 0,
        write: header.p_flags & PF_W != 0,
        execute: header.p_flags & PF_X != 0,
    };
    if protection.write && protection.execute {
        return Err(ElfError::WritableAndExecutable(index));
    }
    Ok(Segment { range: header.p_vaddr as usize..end as usize, bytes, protection })
}

/// Adds `segment` in its place.
fn add<'a>(segments: &mut Vec<Segment<'a>>, index: usize, segment: Segment<'a>) -> Result<(), ElfError> {
    let pages = segment.pages();
    let at = segments.partition_point(|other| other.range.start < segment.range.start);
    let mut neighbours = segments[at.saturating_sub(1)..].iter().take(2).map(Segment::pages);
    if let Some(shared) = neighbours.find(|other| other.start < pages.end && pages.start < other.end) {
        return Err(ElfError::Overlap(index, shared.start.max(pages.start) as u64));
    }
    segments.insert(at, segment);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: Range<usize> = 0x1000..1 << 39;
    const HEADER: usize = 64;
    const ENTRY_SIZE: usize = 56;

    /// (type, flags, offset, address, bytes in the file, bytes in memory)
    type Header = (u32, u32, u64, u64, u64, u64);

    const TEXT: Header = (PT_LOAD, PF_R | PF_X, 0, 0x40_0000, 0x1000, 0x1000);
    const DATA: Header = (PT_LOAD, PF_R | PF_W, 0x1010, 0x41_1010, 0x20, 0x3000);

    fn file(headers: &[Header]) -> Vec<u8> {
        let mut file = vec![0; 0x2000];
        file[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]);
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(16, &ET_EXEC.to_le_bytes());
        put(18, &EM_AARCH64.to_le_bytes());
        put(20, &1u32.to_le_bytes());
        put(24, &0x40_0100u64.to_le_bytes());
        put(32, &(HEADER as u64).to_le_bytes());
        put(52, &(HEADER as u16).to_le_bytes());
        put(54, &(ENTRY_SIZE as u16).to_le_bytes());
        put(56, &(headers.len() as u16).to_le_bytes());
        for (index, &(kind, flags, offset, address, in_file, in_memory)) in headers.iter().enumerate() {
            let at = HEADER + index * ENTRY_SIZE;
            put(at, &kind.to_le_bytes());
            put(at + 4, &flags.to_le_bytes());
            for (field, value) in [offset, address, address, in_file, in_memory, 0x1000].into_iter().enumerate() {
                put(at + 8 + 8 * field, &value.to_le_bytes());
            }
        }
        file
    }

    fn refusal(headers: &[Header]) -> ElfError {
        parse(&file(headers), USER).expect_err("refused")
    }

    #[test]
    fn a_static_program_is_laid_out() {
        let mut file = file(&[DATA, TEXT]);
        file[0x1010..0x1014].copy_from_slice(b"data");
        let program = parse(&file, USER).unwrap();
        assert_eq!(program.entry, 0x40_0100);
        assert_eq!(program.program_headers, Some(0x40_0000 + HEADER));
        assert_eq!((program.program_header_count, program.program_header_size), (2, ENTRY_SIZE));
        let [text, data] = &program.segments[..] else { panic!("{program:?}") };
        assert_eq!(
            (text.range.clone(), text.protection),
            (0x40_0000..0x40_1000, Protection { execute: true, ..Protection::READ })
        );
        assert_eq!((data.pages(), data.protection), (0x41_1000..0x41_5000, Protection::READ_WRITE));
        assert_eq!((data.bytes.len(), &data.bytes[..4]), (0x20, &b"data"[..]));
    }

    #[test]
    fn every_cut_is_refused_or_leaves_every_byte() {
        let whole = file(&[TEXT, DATA]);
        for length in 0..0x1030 {
            assert!(parse(&whole[..length], USER).is_err(), "cut to {length} bytes");
        }
        assert!(parse(&whole[..0x1030], USER).is_ok());
        assert_eq!(parse(&whole[..0x102f], USER), Err(ElfError::TruncatedSegment(1, 0x1030)));
    }

    #[test]
    fn foreign_files_are_refused() {
        let with = |at: usize, bytes: &[u8]| {
            let mut file = file(&[TEXT]);
            file[at..at + bytes.len()].copy_from_slice(bytes);
            parse(&file, USER).map(|_| ())
        };
        assert_eq!(with(0, b"#!/b"), Err(ElfError::NotElf));
        assert_eq!(with(4, &[1]), Err(ElfError::Not64Bit));
        assert_eq!(with(18, &62u16.to_le_bytes()), Err(ElfError::ForeignMachine(62)));
        assert_eq!(with(16, &3u16.to_le_bytes()), Err(ElfError::NotStatic(3)));
        assert_eq!(with(4, &[9]), Err(ElfError::Malformed));
        assert_eq!(with(5, &[2]), Err(ElfError::NotLittleEndian));
        assert_eq!(with(24, &0u64.to_le_bytes()), Err(ElfError::EntryNotExecutable(0)));
    }

    #[test]
    fn segments_that_do_not_fit_are_refused() {
        let (kind, flags, offset, address, in_file, in_memory) = DATA;
        assert_eq!(refusal(&[]), ElfError::NothingToLoad);
        assert_eq!(refusal(&[TEXT, (PT_INTERP, PF_R, 0, 0, 1, 1)]), ElfError::NeedsInterpreter(1));
        assert_eq!(
            refusal(&[(kind, PF_R | PF_W | PF_X, offset, address, in_file, in_memory)]),
            ElfError::WritableAndExecutable(0)
        );
        assert_eq!(
            refusal(&[(kind, flags, offset, address, in_memory + 1, in_memory)]),
            ElfError::FileLargerThanMemory(0)
        );
        assert_eq!(
            refusal(&[TEXT, (kind, flags, u64::MAX, address, 0x20, 0x20)]),
            ElfError::TruncatedSegment(1, u64::MAX)
        );
        for outside in [0, 0xfff, 1 << 39, 0xffff_ff80_0000_0000, u64::MAX] {
            assert_eq!(refusal(&[(kind, flags, offset, outside, 0x20, 0x20)]), ElfError::OutsideUserMemory(0, outside));
        }
        let across = (1 << 39) - 0x10;
        assert_eq!(refusal(&[(kind, flags, offset, across, 0x20, 0x20)]), ElfError::OutsideUserMemory(0, across));
    }

    #[test]
    fn segments_that_share_a_page_are_refused() {
        let at = |address| (PT_LOAD, PF_R | PF_W, 0x1000, address, 0x10, 0x10);
        assert_eq!(refusal(&[TEXT, at(0x40_0800)]), ElfError::Overlap(1, 0x40_0000));
        assert_eq!(refusal(&[at(0x40_2ff0), at(0x40_2010), TEXT]), ElfError::Overlap(1, 0x40_2000));
        let wide = (PT_LOAD, PF_R, 0, 0x30_0000, 0, 0x20_0000);
        assert_eq!(refusal(&[TEXT, wide]), ElfError::Overlap(1, 0x40_0000));
        assert!(parse(&file(&[TEXT, at(0x40_1000), at(0x3f_fff0)]), USER).is_ok());
    }

    #[test]
    fn errors_say_what_and_where() {
        let message = ElfError::OutsideUserMemory(3, 0xffff_ff80_0000_0000).to_string();
        assert_eq!(message, "program header 3: address 0xffffff8000000000 is outside user memory");
    }
}
