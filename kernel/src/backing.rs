//! What fills a program's pages on first use.

use alloc::sync::Arc;

use crate::contents::Contents;
use crate::frames::{Frame, OutOfMemory};
use crate::layout::PAGE_SIZE;
use crate::regions;
use crate::shared_memory::SharedMemory;

/// Where the bytes of a region come from.
#[derive(Clone)]
pub enum Backing {
    /// Nowhere: zeros.
    Zero,
    /// A file's, up to the offset `end`; zeros behind that.
    File {
        /// The file.
        contents: Arc<dyn Contents>,
        /// Where its bytes end, for this mapping.
        end: usize,
    },
    /// Pages that exist by themselves.
    Shared(Arc<SharedMemory>),
}

/// Why there is no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPage {
    /// The backing ends before it.
    BeyondEnd,
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
    /// The page at `offset`.
    pub fn page(&self, offset: usize) -> Result<Page, NoPage> {
        match self {
            Self::Zero => Ok(Page::New(Frame::zeroed()?)),
            Self::Shared(memory) => memory.page(offset / PAGE_SIZE).map(Page::Common),
            Self::File { contents, end } => {
                // A file that a program runs from may end in the middle of what is mapped; a mapped one faults there.
                let end = contents.size().min(*end);
                if offset >= end.next_multiple_of(PAGE_SIZE) {
                    return Err(NoPage::BeyondEnd);
                }
                let mut frame = Frame::zeroed()?;
                let count = PAGE_SIZE.min(end.saturating_sub(offset));
                contents.read_at(offset, &mut frame.bytes()[..count]);
                Ok(Page::New(frame))
            }
        }
    }
}

impl PartialEq for Backing {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Zero, Self::Zero) => true,
            (Self::File { contents, end }, Self::File { contents: other, end: other_end }) => {
                Arc::ptr_eq(contents, other) && end == other_end
            }
            (Self::Shared(memory), Self::Shared(other)) => Arc::ptr_eq(memory, other),
            _ => false,
        }
    }
}

impl regions::Backing for Backing {}
