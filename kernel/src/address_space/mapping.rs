//! What a program maps, unmaps and protects, and its heap.

use core::ops::Range;

use super::{AddressSpace, MMAP_TOP, Region};
use crate::layout::{PAGE_SIZE, USER_END, page_up};
use crate::regions::{NoRoom, Protection};

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

impl From<NoRoom> for MapError {
    fn from(_: NoRoom) -> Self {
        Self::NoMemory
    }
}

impl AddressSpace {
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
        self.insert(Region::zero(range, protection))?;
        Ok(start)
    }

    /// Takes whatever is mapped in the range out; gaps are fine.
    pub fn unmap(&mut self, start: usize, size: usize) -> Result<(), MapError> {
        let range = page_range(start, size)?;
        self.regions.remove(range.clone())?;
        self.tables.unmap(range);
        Ok(())
    }

    /// Changes what the program may do with the range, all of which must be mapped.
    pub fn protect(&mut self, start: usize, size: usize, protection: Protection) -> Result<(), MapError> {
        let range = page_range(start, size)?;
        refuse_writable_and_executable(protection)?;
        if !self.regions.protect(range.clone(), protection)? {
            return Err(MapError::NoMemory);
        }
        for region in self.regions.iter() {
            let pages = region.range.start.max(range.start)..region.range.end.min(range.end);
            self.tables.protect_all(pages, protection, region.shared);
        }
        Ok(())
    }

    /// Moves the end of the program's heap to `end` if it can; where the end is afterwards.
    pub fn set_break(&mut self, end: usize) -> usize {
        let (old, new) = (page_up(self.heap.end), page_up(end.min(USER_END)));
        if end < self.heap.start || end > MMAP_TOP {
            return self.heap.end;
        }
        if new > old {
            if self.insert(Region::zero(old..new, Protection::READ_WRITE)).is_err() {
                return self.heap.end;
            }
        } else if new < old && self.unmap(new, old - new).is_err() {
            return self.heap.end;
        }
        self.heap.end = end;
        end
    }
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
