//! What a program says and asks about its mappings, and what others may know of them.

use super::mapping::page_range;
use super::{AddressSpace, MapError, Region};
use crate::backing::Backing;
use crate::layout::PAGE_SIZE;

impl AddressSpace {
    /// Whether all of the range is mapped.
    pub fn is_mapped(&self, start: usize, size: usize) -> Result<bool, MapError> {
        Ok(size == 0 || self.regions.cover(page_range(start, size)?))
    }

    /// What is in the range is not needed any more: zeros, or the file's bytes, come on next use. False if not all of it is
    /// mapped; the rest is done.
    pub fn forget(&mut self, start: usize, size: usize) -> Result<bool, MapError> {
        if size == 0 {
            return Ok(true);
        }
        let range = page_range(start, size)?;
        self.tables.unmap(range.clone());
        Ok(self.regions.cover(range))
    }

    /// Whether the range is the program's own zeros all over.
    pub fn is_anonymous(&self, start: usize, size: usize) -> Result<bool, MapError> {
        let anonymous = |region: &Region| !region.shared && region.backing == Backing::Zero;
        let range = page_range(start, size.max(1))?;
        Ok(self.regions.in_range(range).all(|(region, _)| anonymous(region)))
    }

    /// Whether `page` is in memory.
    pub fn is_resident(&self, page: usize) -> bool {
        self.tables.query(page).address().is_some()
    }

    /// How many pages are mapped, whether or not they are in memory.
    pub fn size(&self) -> usize {
        let mapped: usize = self.regions.iter().map(|region| region.range.len()).sum();
        mapped / PAGE_SIZE
    }

    /// All mappings by rising address, each with what it is called; nothing for zeros of no special use.
    pub fn mappings(&self) -> impl Iterator<Item = (&Region, &[u8])> {
        self.regions.iter().map(|region| (region, self.name(region)))
    }

    fn name<'a>(&self, region: &'a Region) -> &'a [u8] {
        let holds = |address| region.range.contains(&address);
        match &region.backing {
            Backing::File(file) => &file.path,
            _ if holds(super::SIGNAL_RETURN) => b"[sigpage]",
            _ if holds(super::STACK_TOP - 1) => b"[stack]",
            Backing::Zero if self.heap.start < region.range.end && region.range.start < self.heap.end => b"[heap]",
            Backing::Shared(_) => b"/dev/zero (deleted)",
            Backing::Zero => b"",
        }
    }
}
