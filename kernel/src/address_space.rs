//! A program's memory: its regions, its page tables, and the fault that joins them.
//!
//! Pages come on first use: zeros, or a copy of the program file's bytes. Nothing here locks; whoever shares an address
//! space between threads wraps it, and holds that lock over [`AddressSpace::fault`] and every change.

use core::fmt;
use core::ops::Range;
use core::slice;

use crate::elf::{ElfError, Program};
use crate::frames::{self, OutOfMemory};
use crate::layout::{self, PAGE_SIZE, USER_END, page_down, page_up};
use crate::regions::{Access, Backing, NoRoom, Protection, Region, Regions};
use crate::user_stack::{self, Auxiliary};
use crate::user_tables::UserTables;

/// Bytes a program's stack may grow to.
const STACK_SIZE: usize = 8 << 20;
/// First address above the stack; the page above stays free.
const STACK_TOP: usize = USER_END - PAGE_SIZE;
/// New anonymous memory goes below this.
const MMAP_TOP: usize = STACK_TOP - 2 * STACK_SIZE;
/// What `elf::parse` lets segments use.
pub const PROGRAM_RANGE: Range<usize> = PAGE_SIZE..MMAP_TOP;

/// Why a fault is not the kernel's to resolve: the program gets a signal, a user copy fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultError {
    /// No region has the address (SEGV_MAPERR).
    NotMapped,
    /// Its region does not allow the access (SEGV_ACCERR).
    NotAllowed,
    /// There is no memory for the page.
    OutOfMemory,
}

/// Why memory is not mapped, unmapped or protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// The range is empty, not page-aligned or outside user memory (EINVAL).
    BadRange,
    /// Nothing that large is free, part of the range is not mapped, or there is no memory (ENOMEM).
    NoMemory,
    /// Writable and executable at once (EACCES): the kernel runs with WXN.
    WritableAndExecutable,
}

/// Why a program does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// Its file is refused.
    Elf(ElfError),
    /// There is no memory for it.
    OutOfMemory,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elf(why) => why.fmt(f),
            Self::OutOfMemory => OutOfMemory.fmt(f),
        }
    }
}

impl From<OutOfMemory> for LoadError {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

/// Where a loaded program starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// First instruction.
    pub entry: usize,
    /// Initial stack pointer.
    pub stack_pointer: usize,
}

/// One program's memory.
pub struct AddressSpace {
    regions: Regions,
    tables: UserTables,
    /// Where `brk` may start, after the last segment, and where it is.
    heap: Range<usize>,
}

impl AddressSpace {
    /// With nothing in it.
    pub fn new() -> Result<Self, OutOfMemory> {
        Ok(Self { regions: Regions::new(USER_END), tables: UserTables::new()?, heap: 0..0 })
    }

    /// Loads the static program in `file` with its stack, arguments and environment, into an empty address space.
    pub fn load(
        &mut self,
        file: &'static [u8],
        arguments: &[&[u8]],
        environment: &[&[u8]],
        random: [u8; 16],
    ) -> Result<Start, LoadError> {
        let program = crate::elf::parse(file, PROGRAM_RANGE).map_err(LoadError::Elf)?;
        for segment in &program.segments {
            let backing = Backing::Bytes { start: segment.range.start, bytes: segment.bytes };
            let region = Region { range: segment.pages(), protection: segment.protection, backing };
            self.regions.insert(region).expect("checked segments do not overlap");
            self.heap = segment.pages().end..segment.pages().end;
        }
        let stack = STACK_TOP - STACK_SIZE..STACK_TOP;
        self.regions
            .insert(Region { range: stack, protection: Protection::READ_WRITE, backing: Backing::Zero })
            .expect("programs end below the stack");
        let (stack_pointer, contents) =
            user_stack::build(STACK_TOP, arguments, environment, &auxiliary(&program), random);
        self.write(stack_pointer, &contents)?;
        Ok(Start { entry: program.entry, stack_pointer })
    }

    /// Resolves a fault: afterwards the access to `address` can be tried again. `address` may carry a tag in its top
    /// byte. Fine to call when another CPU has resolved the same fault.
    pub fn fault(&mut self, address: usize, access: Access) -> Result<(), FaultError> {
        let page = page_down(untagged(address));
        let region = self.regions.find(page).ok_or(FaultError::NotMapped)?;
        if !region.protection.allows(access) {
            return Err(FaultError::NotAllowed);
        }
        if self.tables.query(page).is_some() {
            return Ok(());
        }
        let frame = frames::allocate_zeroed().map_err(|OutOfMemory| FaultError::OutOfMemory)?;
        // SAFETY: the frame is ours alone, and the linear map shows it.
        let contents = unsafe { slice::from_raw_parts_mut(layout::linear(frame), PAGE_SIZE) };
        region.backing.fill(page, contents);
        self.tables.map(page, frame, region.protection).map_err(|OutOfMemory| {
            // SAFETY: the frame was not mapped.
            unsafe { frames::free(frame) };
            FaultError::OutOfMemory
        })
    }

    /// Maps `size` bytes of zeros: at `fixed`, replacing what was there, or where there is room. The address.
    pub fn map(&mut self, fixed: Option<usize>, size: usize, protection: Protection) -> Result<usize, MapError> {
        if size == 0 {
            return Err(MapError::BadRange);
        }
        if size > USER_END {
            return Err(MapError::NoMemory);
        }
        refuse_writable_and_executable(protection)?;
        let range = match fixed {
            Some(start) => {
                let range = page_range(start, size)?;
                self.unmap(range.start, range.len())?;
                range
            }
            None => self.regions.find_free(page_up(size), MMAP_TOP).ok_or(MapError::NoMemory)?,
        };
        let start = range.start;
        let region = Region { range, protection, backing: Backing::Zero };
        self.regions.insert(region).map_err(|NoRoom| MapError::NoMemory)?;
        Ok(start)
    }

    /// Takes whatever is mapped in the range out; gaps are fine.
    pub fn unmap(&mut self, start: usize, size: usize) -> Result<(), MapError> {
        let range = page_range(start, size)?;
        self.for_each_page(range.clone(), |tables, page| {
            if let Some(frame) = tables.unmap(page) {
                // SAFETY: the frame belonged to the tables, and the page has left every TLB.
                unsafe { frames::free(frame) };
            }
        });
        self.regions.remove(range);
        Ok(())
    }

    /// Changes what the program may do with the range, all of which must be mapped.
    pub fn protect(&mut self, start: usize, size: usize, protection: Protection) -> Result<(), MapError> {
        let range = page_range(start, size)?;
        refuse_writable_and_executable(protection)?;
        if !self.regions.protect(range.clone(), protection) {
            return Err(MapError::NoMemory);
        }
        self.for_each_page(range, |tables, page| tables.protect(page, protection));
        Ok(())
    }

    /// Moves the end of the program's heap to `end` if it can; where the end is afterwards.
    pub fn set_break(&mut self, end: usize) -> usize {
        let (old, new) = (page_up(self.heap.end), page_up(end.min(USER_END)));
        if end < self.heap.start || end > MMAP_TOP {
            return self.heap.end;
        }
        if new > old {
            let region = Region { range: old..new, protection: Protection::READ_WRITE, backing: Backing::Zero };
            if self.regions.insert(region).is_err() {
                return self.heap.end;
            }
        } else if new < old && self.unmap(new, old - new).is_err() {
            return self.heap.end;
        }
        self.heap.end = end;
        end
    }

    /// Writes `bytes` at `address` as the kernel, whatever the program itself may do there.
    pub fn write(&mut self, address: usize, bytes: &[u8]) -> Result<(), OutOfMemory> {
        let mut done = 0;
        while done < bytes.len() {
            let (page, offset) = (page_down(address + done), (address + done) % PAGE_SIZE);
            let count = (PAGE_SIZE - offset).min(bytes.len() - done);
            match self.fault(page, Access::Read) {
                Ok(()) => {}
                Err(FaultError::OutOfMemory) => return Err(OutOfMemory),
                Err(why) => panic!("the kernel writes to user address {page:#x}: {why:?}"),
            }
            let (frame, _) = self.tables.query(page).expect("the fault has mapped it");
            // SAFETY: the frame belongs to these tables, of which we have the only reference.
            let contents = unsafe { slice::from_raw_parts_mut(layout::linear(frame), PAGE_SIZE) };
            contents[offset..offset + count].copy_from_slice(&bytes[done..done + count]);
            done += count;
        }
        Ok(())
    }

    /// The value for `user_tables::activate`, valid as long as this address space.
    pub fn ttbr0(&self) -> u64 {
        self.tables.ttbr0()
    }

    /// Calls `body` with the tables for every page of `range` that lies in a region.
    fn for_each_page(&mut self, range: Range<usize>, mut body: impl FnMut(&mut UserTables, usize)) {
        for region in self.regions.iter() {
            let pages = region.range.start.max(range.start)..region.range.end.min(range.end);
            for page in pages.step_by(PAGE_SIZE) {
                body(&mut self.tables, page);
            }
        }
    }
}

fn auxiliary(program: &Program) -> [(Auxiliary, usize); 12] {
    [
        (Auxiliary::ProgramHeaders, program.program_headers.unwrap_or(0)),
        (Auxiliary::ProgramHeaderSize, program.program_header_size),
        (Auxiliary::ProgramHeaderCount, program.program_header_count),
        (Auxiliary::PageSize, PAGE_SIZE),
        (Auxiliary::Entry, program.entry),
        (Auxiliary::User, 0),
        (Auxiliary::EffectiveUser, 0),
        (Auxiliary::Group, 0),
        (Auxiliary::EffectiveGroup, 0),
        (Auxiliary::HardwareCapabilities, 0),
        (Auxiliary::ClockTick, 100),
        (Auxiliary::Secure, 0),
    ]
}

fn refuse_writable_and_executable(protection: Protection) -> Result<(), MapError> {
    if protection.write && protection.execute { Err(MapError::WritableAndExecutable) } else { Ok(()) }
}

/// The pages of a range that starts on a page boundary inside user memory.
fn page_range(start: usize, size: usize) -> Result<Range<usize>, MapError> {
    let end = start.checked_add(size).filter(|&end| end <= USER_END).ok_or(MapError::BadRange)?;
    if size == 0 || !start.is_multiple_of(PAGE_SIZE) {
        return Err(MapError::BadRange);
    }
    Ok(start..page_up(end))
}

/// `address` as translation sees it: EL0 may keep a tag in the top byte.
fn untagged(address: usize) -> usize {
    if address & (1 << 55) == 0 { address & !(0xff << 56) } else { address }
}
