//! Pages that several address spaces show at once: each comes on first use, and stays as long as somebody may ask for it.

use alloc::collections::BTreeMap;

use crate::backing::NoPage;
use crate::frames::{Frame, OutOfMemory};
use crate::layout::PAGE_SIZE;
use crate::lock::IrqLock;

/// A run of pages, zeros at first.
pub struct SharedMemory {
    pages: usize,
    frames: IrqLock<BTreeMap<usize, Frame>>,
}

impl SharedMemory {
    /// `size` bytes, a multiple of the page size.
    pub fn new(size: usize) -> Self {
        Self { pages: size / PAGE_SIZE, frames: IrqLock::new(BTreeMap::new()) }
    }

    /// One page that holds `bytes` first.
    pub fn with_bytes(bytes: &[u8]) -> Result<Self, OutOfMemory> {
        let mut frame = Frame::zeroed()?;
        frame.bytes()[..bytes.len()].copy_from_slice(bytes);
        Ok(Self { pages: 1, frames: IrqLock::new(BTreeMap::from([(0, frame)])) })
    }

    /// The page with that number.
    pub fn page(&self, number: usize) -> Result<Frame, NoPage> {
        if number >= self.pages {
            return Err(NoPage::BeyondEnd);
        }
        if let Some(frame) = self.frames.lock().get(&number) {
            return Ok(frame.clone());
        }
        // Not under the lock: zeroing takes a while, and who comes second finds the first one's.
        let new = Frame::zeroed()?;
        Ok(self.frames.lock().entry(number).or_insert(new).clone())
    }
}
