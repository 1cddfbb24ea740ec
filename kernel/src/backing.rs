//! What fills a program's pages on first use.

use alloc::sync::Arc;

use crate::contents::Contents;
use crate::frames::{self, Frame, OutOfMemory};
use crate::layout::PAGE_SIZE;
use crate::regions;
use crate::shared_memory::SharedMemory;

/// Where the bytes of a region come from.
#[derive(Clone)]
pub enum Backing {
    /// Nowhere: zeros.
    Zero,
    /// A file's.
    File(FileBytes),
    /// Pages that exist by themselves.
    Shared(Arc<SharedMemory>),
}

/// Bytes of a file.
#[derive(Clone)]
pub struct FileBytes {
    /// The file.
    pub contents: Arc<dyn Contents>,
    /// Where its bytes end for this mapping; zeros come behind that.
    pub end: usize,
    /// What it was opened as.
    pub path: Arc<[u8]>,
}

/// Why there is no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPage {
    /// The backing ends before it.
    BeyondEnd,
    /// The file has no room for it.
    NoSpace,
    /// There is no memory for it.
    OutOfMemory,
}

impl From<OutOfMemory> for NoPage {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

/// A page that came from a backing.
pub enum Page {
    /// The program's own.
    New(Frame),
    /// The backing's; a program that stores for itself needs a copy.
    Common(Frame),
}

impl Backing {
    /// The page at `offset`, for a mapping whose stores are for everybody, or for the program alone.
    pub fn page(&self, offset: usize, shared: bool) -> Result<Page, NoPage> {
        match self {
            Self::Zero => Ok(Page::New(Frame::zeroed()?)),
            Self::Shared(memory) => memory.page(offset / PAGE_SIZE).map(Page::Common),
            Self::File(file) => file.page(offset, shared),
        }
    }
}

impl FileBytes {
    /// All of a file.
    pub fn whole(contents: Arc<dyn Contents>, path: Arc<[u8]>) -> Self {
        Self { contents, end: usize::MAX, path }
    }

    fn page(&self, offset: usize, shared: bool) -> Result<Page, NoPage> {
        // A file may shrink while it is mapped.
        let end = self.contents.size().min(self.end);
        if offset >= end.next_multiple_of(PAGE_SIZE) {
            return Err(NoPage::BeyondEnd);
        }
        if self.end.saturating_sub(offset) >= PAGE_SIZE {
            match self.contents.page(offset / PAGE_SIZE) {
                Ok(Some(frame)) => return Ok(Page::Common(frame)),
                // The file may take no more pages; a copy will do for one program.
                Err(OutOfMemory) if shared && frames::is_low() => return Err(NoPage::OutOfMemory),
                Err(OutOfMemory) if shared => return Err(NoPage::NoSpace),
                Ok(None) | Err(OutOfMemory) => {}
            }
        }
        let mut frame = Frame::zeroed()?;
        let count = PAGE_SIZE.min(end.saturating_sub(offset));
        self.contents.read_at(offset, &mut frame.bytes()[..count]);
        Ok(Page::New(frame))
    }
}

impl PartialEq for Backing {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Zero, Self::Zero) => true,
            (Self::File(file), Self::File(other)) => {
                Arc::ptr_eq(&file.contents, &other.contents) && file.end == other.end
            }
            (Self::Shared(memory), Self::Shared(other)) => Arc::ptr_eq(memory, other),
            _ => false,
        }
    }
}

impl regions::Backing for Backing {}
