//! Static arm64 ELF programs: what to load where, or exactly why not. Pure; its tests run on the host.
//!
//! A program with fixed addresses (ET_EXEC) is loaded where it says, one that finds its own relocations (ET_DYN, static-pie)
//! at a base that is given. Nothing is loaded that asks for a dynamic loader.

mod error;
#[cfg(test)]
mod tests;

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use elf::abi::{
    EI_CLASS, EI_DATA, EI_NIDENT, ELFCLASS32, ELFDATA2MSB, ELFMAGIC, EM_AARCH64, ET_DYN, ET_EXEC, PF_R, PF_W, PF_X,
    PT_INTERP, PT_LOAD,
};
use elf::endian::LittleEndian;
use elf::file::{Class, FileHeader, parse_ident};
use elf::segment::{ProgramHeader, SegmentTable};

pub use error::ElfError;

use crate::regions::{Marks, PAGE_SIZE, Protection};

/// A program that has passed every check.
#[derive(Debug, PartialEq, Eq)]
pub struct Program {
    /// Where it starts.
    pub entry: usize,
    /// What to load, by rising address; no two share a page.
    pub segments: Vec<Segment>,
    /// Where its program headers will be in memory (AT_PHDR), if a segment has them.
    pub program_headers: Option<usize>,
    /// How many program headers there are (AT_PHNUM).
    pub program_header_count: usize,
    /// Size of each (AT_PHENT).
    pub program_header_size: usize,
}

/// One loadable segment.
#[derive(Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its addresses; neither end is rounded.
    pub range: Range<usize>,
    /// Where in the file its first byte is.
    pub offset: usize,
    /// How many bytes it has there; the rest is zero.
    pub file_size: usize,
    /// What the program may do with it.
    pub protection: Protection,
}

impl Segment {
    /// The whole pages it lies in.
    pub fn pages(&self) -> Range<usize> {
        self.range.start & !(PAGE_SIZE - 1)..self.range.end.next_multiple_of(PAGE_SIZE)
    }

    /// The whole pages that hold bytes of the file.
    pub fn file_pages(&self) -> Range<usize> {
        let start = self.pages().start;
        match self.file_size {
            0 => start..start,
            size => start..(self.range.start + size).next_multiple_of(PAGE_SIZE),
        }
    }
}

/// Where programs are loaded.
#[derive(Clone, Debug)]
pub struct Room {
    /// What they may use.
    pub user: Range<usize>,
    /// Where one begins that has no addresses of its own.
    pub base: usize,
}

/// A file: how many bytes it has, and how they are read.
pub struct File<'a> {
    /// Its size.
    pub size: usize,
    /// Fills a buffer from an offset on; how many bytes there were.
    pub read: &'a dyn Fn(usize, &mut [u8]) -> usize,
}

const HEADER_SIZE: usize = 64;
const PROGRAM_HEADER_SIZE: usize = 56;
/// Linux takes 64 KiB of them; what the kernel needs for these it has in any case.
const MOST_PROGRAM_HEADERS: usize = 256;

/// Checks `file` and says what to load.
pub fn parse(file: &File, room: &Room) -> Result<Program, ElfError> {
    let header = header(file)?;
    let headers = program_headers(file, &header)?;
    if let Some(index) = headers.iter().position(|header| header.p_type == PT_INTERP) {
        return Err(ElfError::NeedsInterpreter(index));
    }
    let bias = if header.e_type == ET_DYN { bias(&headers, room)? } else { 0 };
    let mut segments: Vec<Segment> = Vec::new();
    for (index, header) in loaded(&headers) {
        let segment = segment(file, index, header, bias, &room.user)?;
        add(&mut segments, index, segment)?;
    }
    if segments.is_empty() {
        return Err(ElfError::NothingToLoad);
    }
    let entry = bias.wrapping_add(header.e_entry as usize);
    let starts = |segment: &Segment| segment.protection.execute && segment.range.contains(&entry);
    if !segments.iter().any(starts) {
        return Err(ElfError::EntryNotExecutable(header.e_entry));
    }
    let table = header.e_phoff as usize;
    let shows = |segment: &&Segment| (segment.offset..segment.offset + segment.file_size).contains(&table);
    let program_headers = segments.iter().find(shows).map(|segment| segment.range.start + (table - segment.offset));
    Ok(Program {
        entry,
        program_headers,
        segments,
        program_header_count: headers.len(),
        program_header_size: PROGRAM_HEADER_SIZE,
    })
}

/// The segments to load, with their indices.
fn loaded(headers: &[ProgramHeader]) -> impl Iterator<Item = (usize, &ProgramHeader)> {
    headers.iter().enumerate().filter(|(_, header)| header.p_type == PT_LOAD && header.p_memsz > 0)
}

fn header(file: &File) -> Result<FileHeader<LittleEndian>, ElfError> {
    let mut bytes = [0; HEADER_SIZE];
    let count = (file.read)(0, &mut bytes);
    if !bytes.starts_with(&ELFMAGIC) {
        return Err(ElfError::NotElf);
    }
    match (bytes[EI_CLASS], bytes[EI_DATA]) {
        (ELFCLASS32, _) => return Err(ElfError::Not64Bit),
        (_, ELFDATA2MSB) => return Err(ElfError::NotLittleEndian),
        _ if count < HEADER_SIZE => return Err(ElfError::Malformed),
        _ => {}
    }
    let identity = parse_ident::<LittleEndian>(&bytes).map_err(|_| ElfError::Malformed)?;
    let header = FileHeader::parse_tail(identity, &bytes[EI_NIDENT..]).map_err(|_| ElfError::Malformed)?;
    match (header.e_machine, header.e_type) {
        (EM_AARCH64, ET_EXEC | ET_DYN) => Ok(header),
        (EM_AARCH64, kind) => Err(ElfError::NotExecutable(kind)),
        (machine, _) => Err(ElfError::ForeignMachine(machine)),
    }
}

fn program_headers(file: &File, header: &FileHeader<LittleEndian>) -> Result<Vec<ProgramHeader>, ElfError> {
    let count = usize::from(header.e_phnum);
    if count == 0 {
        return Err(ElfError::NothingToLoad);
    }
    if usize::from(header.e_phentsize) != PROGRAM_HEADER_SIZE || count > MOST_PROGRAM_HEADERS {
        return Err(ElfError::Malformed);
    }
    let offset = usize::try_from(header.e_phoff).map_err(|_| ElfError::Malformed)?;
    let mut bytes = vec![0; count * PROGRAM_HEADER_SIZE];
    let whole = offset.checked_add(bytes.len()).is_some_and(|end| end <= file.size);
    if !whole || (file.read)(offset, &mut bytes) < bytes.len() {
        return Err(ElfError::Malformed);
    }
    Ok(SegmentTable::new(LittleEndian, Class::ELF64, &bytes).iter().collect())
}

/// What to add to each address of a program that has none of its own: its first page comes to `room.base`, or as far above
/// as its alignment asks for.
fn bias(headers: &[ProgramHeader], room: &Room) -> Result<usize, ElfError> {
    let mut largest = PAGE_SIZE;
    for (index, header) in loaded(headers) {
        let align = usize::try_from(header.p_align).unwrap_or(usize::MAX);
        if align > room.user.len() || (align > 1 && !align.is_power_of_two()) {
            return Err(ElfError::BadAlignment(index, header.p_align));
        }
        largest = largest.max(align);
    }
    Ok(room.base.next_multiple_of(largest))
}

fn segment(
    file: &File,
    index: usize,
    header: &ProgramHeader,
    bias: usize,
    user: &Range<usize>,
) -> Result<Segment, ElfError> {
    if header.p_filesz > header.p_memsz {
        return Err(ElfError::FileLargerThanMemory(index));
    }
    let outside = ElfError::OutsideUserMemory(index, header.p_vaddr);
    let start = header.p_vaddr.checked_add(bias as u64).ok_or(outside)?;
    let end = start.checked_add(header.p_memsz).ok_or(outside)?;
    if start < user.start as u64 || end > user.end as u64 {
        return Err(outside);
    }
    let bytes_end = header.p_offset.saturating_add(header.p_filesz);
    if header.p_filesz > 0 && bytes_end > file.size as u64 {
        return Err(ElfError::TruncatedSegment(index, bytes_end));
    }
    if header.p_filesz > 0 && !(start ^ header.p_offset).is_multiple_of(PAGE_SIZE as u64) {
        return Err(ElfError::Misaligned(index, header.p_vaddr, header.p_offset));
    }
    let protection = Protection {
        read: header.p_flags & PF_R != 0,
        write: header.p_flags & PF_W != 0,
        execute: header.p_flags & PF_X != 0,
        marks: Marks::NONE,
    };
    if protection.write && protection.execute {
        return Err(ElfError::WritableAndExecutable(index));
    }
    let (offset, file_size) = (header.p_offset as usize, header.p_filesz as usize);
    Ok(Segment { range: start as usize..end as usize, offset, file_size, protection })
}

/// Adds `segment` in its place.
fn add(segments: &mut Vec<Segment>, index: usize, segment: Segment) -> Result<(), ElfError> {
    let pages = segment.pages();
    let at = segments.partition_point(|other| other.range.start < segment.range.start);
    let mut neighbours = segments[at.saturating_sub(1)..].iter().take(2).map(Segment::pages);
    if let Some(shared) = neighbours.find(|other| other.start < pages.end && pages.start < other.end) {
        return Err(ElfError::Overlap(index, shared.start.max(pages.start) as u64));
    }
    segments.insert(at, segment);
    Ok(())
}
