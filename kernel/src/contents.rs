//! What a file holds, as memory sees it: something that can be mapped and run.

use crate::frames::{Frame, OutOfMemory};

/// Bytes that stay where they are while somebody has them mapped.
pub trait Contents: Send + Sync {
    /// How many there are now.
    fn size(&self) -> usize;

    /// Fills `to` with what begins at `offset`; how many bytes there were. Does not sleep.
    fn read_at(&self, offset: usize, to: &mut [u8]) -> usize;

    /// Page `number` itself, where it is a frame of its own: what is stored there is in the file, and what is written to the
    /// file is there. None where the bytes can only be copied. Does not sleep.
    fn page(&self, number: usize) -> Result<Option<Frame>, OutOfMemory> {
        _ = number;
        Ok(None)
    }

    /// Whether [`page`](Self::page) gives pages, so that a program can store to the file by mapping it.
    fn has_pages(&self) -> bool {
        false
    }
}

/// Bytes that are there for ever.
impl Contents for &'static [u8] {
    fn size(&self) -> usize {
        self.len()
    }

    fn read_at(&self, offset: usize, to: &mut [u8]) -> usize {
        let rest = self.get(offset..).unwrap_or_default();
        let count = rest.len().min(to.len());
        to[..count].copy_from_slice(&rest[..count]);
        count
    }
}
