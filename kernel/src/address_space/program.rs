//! A program's address space, made from its file: segments, stack, heap, and the page that signal handlers return through.

use alloc::sync::Arc;
use core::fmt;

use super::{AddressSpace, FaultError, MMAP_TOP, Region, STACK_SIZE, STACK_TOP};
use crate::backing::{Backing, FileBytes};
use crate::contents::Contents;
use crate::elf::{self, ElfError, File, Program, Room, Segment};
use crate::errno::Errno;
use crate::frames::OutOfMemory;
use crate::hardware_capabilities;
use crate::layout::{PAGE_SIZE, USER_END};
use crate::lock::IrqLock;
use crate::regions::{NoRoom, Protection};
use crate::shared_memory::SharedMemory;
use crate::user_stack::{self, Auxiliary, NoStack};

/// Where segments may lie, and where programs begin that have no addresses of their own: two thirds up, as in Linux.
const ROOM: Room = Room { user: PAGE_SIZE..MMAP_TOP, base: (USER_END / 3 * 2) & !(PAGE_SIZE - 1) };

/// A signal frame with the FP/SIMD record: more than that is never written.
const SIGNAL_FRAME_SIZE: usize = 4720;

/// Where every program has code that makes the system call `rt_sigreturn`: in the gap between mappings and stack.
pub const SIGNAL_RETURN: usize = MMAP_TOP;
/// `mov x8, #139` (rt_sigreturn) and `svc #0`.
const SIGNAL_RETURN_CODE: [u8; 8] = [0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4];

/// Why a program does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// Its file is refused (ENOEXEC).
    Elf(ElfError),
    /// Its arguments and environment are too large (E2BIG).
    TooLarge,
    /// There is no memory for it (ENOMEM).
    OutOfMemory,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elf(why) => why.fmt(f),
            Self::TooLarge => f.write_str("arguments and environment are too large"),
            Self::OutOfMemory => OutOfMemory.fmt(f),
        }
    }
}

impl From<OutOfMemory> for LoadError {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl From<LoadError> for Errno {
    fn from(why: LoadError) -> Self {
        match why {
            LoadError::Elf(_) => Errno::ENOEXEC,
            LoadError::TooLarge => Errno::E2BIG,
            LoadError::OutOfMemory => Errno::ENOMEM,
        }
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

impl AddressSpace {
    /// A new address space with the static program in `file`, with its stack, arguments and environment. `path` is what it
    /// was started by.
    pub fn load<S: AsRef<[u8]>>(
        file: &Arc<dyn Contents>,
        path: &[u8],
        arguments: &[S],
        environment: &[S],
        random: [u8; 16],
    ) -> Result<(Self, Start), LoadError> {
        let read = |offset, to: &mut [u8]| file.read_at(offset, to);
        let program = elf::parse(&File { size: file.size(), read: &read }, &ROOM).map_err(LoadError::Elf)?;
        let mut memory = Self::new()?;
        let path: Arc<[u8]> = Arc::from(path);
        for segment in &program.segments {
            // Checked segments do not overlap, and end below the stack: what is missing is memory.
            memory.add_segment(file, &path, segment).map_err(|NoRoom| OutOfMemory)?;
            memory.heap = segment.pages().end..segment.pages().end;
        }
        let stack = STACK_TOP - STACK_SIZE..STACK_TOP;
        memory.insert(Region::zero(stack, Protection::READ_WRITE)).map_err(|NoRoom| OutOfMemory)?;
        memory.add_signal_page()?;
        let auxiliary = auxiliary(&program);
        let contents = user_stack::Contents { path: &path, arguments, environment, auxiliary: &auxiliary, random };
        let stack_pointer = user_stack::build(STACK_TOP, &contents, |address, bytes| memory.write(address, bytes));
        let stack_pointer = stack_pointer.map_err(|why| match why {
            NoStack::TooLarge => LoadError::TooLarge,
            NoStack::OutOfMemory | NoStack::Write(FaultError::OutOfMemory) => LoadError::OutOfMemory,
            NoStack::Write(why) => panic!("writing to a new stack: {why:?}"),
        })?;
        Ok((memory, Start { entry: program.entry, stack_pointer }))
    }

    fn add_segment(&mut self, file: &Arc<dyn Contents>, path: &Arc<[u8]>, segment: &Segment) -> Result<(), NoRoom> {
        let (pages, file_pages) = (segment.pages(), segment.file_pages());
        let protection = segment.protection;
        if !file_pages.is_empty() {
            let end = segment.offset + segment.file_size;
            let backing = Backing::File(FileBytes { contents: file.clone(), end, path: path.clone() });
            let offset = segment.offset - segment.range.start % PAGE_SIZE;
            let range = file_pages.clone();
            let region = Region { range, protection, shared: false, may_write: true, backing, offset };
            self.insert(region)?;
        }
        if file_pages.end < pages.end {
            self.insert(Region::zero(file_pages.end..pages.end, protection))?;
        }
        Ok(())
    }

    /// Static C libraries bring no code for the return from a signal handler. Everybody has the same page; who writes there
    /// gets a copy.
    fn add_signal_page(&mut self) -> Result<(), OutOfMemory> {
        let code = Backing::Shared(signal_page()?);
        let range = SIGNAL_RETURN..SIGNAL_RETURN + PAGE_SIZE;
        let region = Region {
            range,
            protection: Protection::READ_EXECUTE,
            shared: false,
            may_write: true,
            backing: code,
            offset: 0,
        };
        self.insert(region).map_err(|NoRoom| OutOfMemory)
    }
}

fn signal_page() -> Result<Arc<SharedMemory>, OutOfMemory> {
    static PAGE: IrqLock<Option<Arc<SharedMemory>>> = IrqLock::new(None);
    if let Some(page) = &*PAGE.lock() {
        return Ok(page.clone());
    }
    let new = Arc::new(SharedMemory::with_bytes(&SIGNAL_RETURN_CODE)?);
    Ok(PAGE.lock().get_or_insert(new).clone())
}

fn auxiliary(program: &Program) -> [(Auxiliary, usize); 16] {
    let capabilities = hardware_capabilities::of_this_cpu();
    [
        (Auxiliary::HardwareCapabilities, capabilities.first),
        (Auxiliary::HardwareCapabilities2, capabilities.second),
        (Auxiliary::PageSize, PAGE_SIZE),
        (Auxiliary::ClockTick, 100),
        (Auxiliary::ProgramHeaders, program.program_headers.unwrap_or(0)),
        (Auxiliary::ProgramHeaderSize, program.program_header_size),
        (Auxiliary::ProgramHeaderCount, program.program_header_count),
        (Auxiliary::LoaderBase, 0),
        (Auxiliary::Flags, 0),
        (Auxiliary::Entry, program.entry),
        (Auxiliary::User, 0),
        (Auxiliary::EffectiveUser, 0),
        (Auxiliary::Group, 0),
        (Auxiliary::EffectiveGroup, 0),
        (Auxiliary::Secure, 0),
        (Auxiliary::MinimalSignalStack, SIGNAL_FRAME_SIZE),
    ]
}
