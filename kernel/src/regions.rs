//! Which parts of user memory a program has, for what, and what fills them on first use. Pure, so that its tests run on
//! the host; `address_space` joins it with page tables.

use alloc::vec::Vec;
use core::ops::Range;

/// Bytes in a page, the only granule in use.
pub const PAGE_SIZE: usize = 4096;

/// What a program may do with memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Load from it.
    pub read: bool,
    /// Store to it.
    pub write: bool,
    /// Fetch instructions from it.
    pub execute: bool,
}

impl Protection {
    /// Nothing at all.
    pub const NONE: Self = Self { read: false, write: false, execute: false };
    /// Constants.
    pub const READ: Self = Self { read: true, ..Self::NONE };
    /// Data.
    pub const READ_WRITE: Self = Self { write: true, ..Self::READ };

    /// Whether `access` is allowed. Memory that can be written or executed can be read: the hardware has it no finer.
    pub fn allows(self, access: Access) -> bool {
        match access {
            Access::Read => self.read || self.write || self.execute,
            Access::Write => self.write,
            Access::Execute => self.execute,
        }
    }
}

/// What a program tried to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Execute,
}

/// What a page holds when it is first used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// Zeros.
    Zero,
    /// `bytes` from address `start` on, zeros before and after.
    Bytes {
        /// Address of the first byte.
        start: usize,
        /// The contents.
        bytes: &'static [u8],
    },
}

impl Backing {
    /// Fills `contents`, all zeros, of the page at `page`.
    pub fn fill(&self, page: usize, contents: &mut [u8]) {
        let Self::Bytes { start, bytes } = *self else { return };
        let from = page.max(start);
        let to = (page + contents.len()).min(start + bytes.len());
        if from < to {
            contents[from - page..to - page].copy_from_slice(&bytes[from - start..to - start]);
        }
    }
}

/// A range of whole pages with one protection and one backing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Its pages.
    pub range: Range<usize>,
    /// What the program may do with them.
    pub protection: Protection,
    /// What they hold first.
    pub backing: Backing,
}

/// The regions of an address space: sorted, disjoint, page-aligned, below `limit`.
#[derive(Clone, Debug)]
pub struct Regions {
    regions: Vec<Region>,
    limit: usize,
}

/// A region would not be page-aligned, inside the limits, or in free space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

impl Regions {
    /// None yet; all will be below `limit`.
    pub const fn new(limit: usize) -> Self {
        Self { regions: Vec::new(), limit }
    }

    /// The region that has `address`.
    pub fn find(&self, address: usize) -> Option<&Region> {
        let after = self.regions.partition_point(|region| region.range.end <= address);
        self.regions.get(after).filter(|region| region.range.contains(&address))
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Region> {
        self.regions.iter()
    }

    /// Adds `region` where nothing is yet. The first page is never in one, so that a null pointer faults.
    pub fn insert(&mut self, region: Region) -> Result<(), NoRoom> {
        let Range { start, end } = region.range;
        let aligned = start.is_multiple_of(PAGE_SIZE) && end.is_multiple_of(PAGE_SIZE);
        let at = self.regions.partition_point(|other| other.range.end <= start);
        let free = self.regions.get(at).is_none_or(|next| end <= next.range.start);
        if !aligned || start >= end || start < PAGE_SIZE || end > self.limit || !free {
            return Err(NoRoom);
        }
        self.regions.insert(at, region);
        Ok(())
    }

    /// Takes whatever lies in `range` out; regions that reach beyond it keep the rest.
    pub fn remove(&mut self, range: Range<usize>) {
        self.split(range.start);
        self.split(range.end);
        self.regions.retain(|region| region.range.start >= range.end || region.range.end <= range.start);
    }

    /// Gives all of `range` another protection; false, and nothing changed, if it is not covered without gaps.
    pub fn protect(&mut self, range: Range<usize>, protection: Protection) -> bool {
        let mut covered = range.start;
        while covered < range.end {
            let Some(region) = self.find(covered) else { return false };
            covered = region.range.end;
        }
        self.split(range.start);
        self.split(range.end);
        for region in self.regions.iter_mut().filter(|region| range.contains(&region.range.start)) {
            region.protection = protection;
        }
        true
    }

    /// The highest free range of `size` bytes, a multiple of the page size, that ends at or below `below`.
    pub fn find_free(&self, size: usize, below: usize) -> Option<Range<usize>> {
        let mut end = below.min(self.limit);
        for region in self.regions.iter().rev() {
            if region.range.end <= end && end - region.range.end >= size {
                break;
            }
            end = end.min(region.range.start);
        }
        let start = end.checked_sub(size)?;
        (size > 0 && start >= PAGE_SIZE).then_some(start..end)
    }

    /// Makes `address` a boundary between regions.
    fn split(&mut self, address: usize) {
        let at = self.regions.partition_point(|region| region.range.end <= address);
        let Some(region) = self.regions.get_mut(at) else { return };
        if region.range.start < address {
            let mut upper = region.clone();
            region.range.end = address;
            upper.range.start = address;
            self.regions.insert(at + 1, upper);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 0x10_0000;

    fn region(start: usize, end: usize) -> Region {
        Region { range: start..end, protection: Protection::READ_WRITE, backing: Backing::Zero }
    }

    fn with(ranges: &[(usize, usize)]) -> Regions {
        let mut regions = Regions::new(LIMIT);
        for &(start, end) in ranges {
            regions.insert(region(start, end)).unwrap();
        }
        regions
    }

    fn ranges(regions: &Regions) -> Vec<(usize, usize)> {
        regions.iter().map(|region| (region.range.start, region.range.end)).collect()
    }

    #[test]
    fn regions_stay_sorted_and_disjoint() {
        let mut regions = with(&[(0x8000, 0xa000), (0x1000, 0x2000), (0x2000, 0x3000)]);
        assert_eq!(ranges(&regions), [(0x1000, 0x2000), (0x2000, 0x3000), (0x8000, 0xa000)]);
        for refused in [(0, 0x1000), (0x1000, 0x2000), (0x7000, 0x9000), (0x9000, 0xb000), (0x3000, 0x3000)] {
            assert_eq!(regions.insert(region(refused.0, refused.1)), Err(NoRoom), "{refused:x?}");
        }
        for refused in [(0x4001, 0x6000), (LIMIT - 0x1000, LIMIT + 0x1000), (0x7000, 0xb000)] {
            assert_eq!(regions.insert(region(refused.0, refused.1)), Err(NoRoom), "{refused:x?}");
        }
    }

    #[test]
    fn find_respects_boundaries() {
        let regions = with(&[(0x1000, 0x2000), (0x4000, 0x6000)]);
        assert!(regions.find(0xfff).is_none() && regions.find(0x2000).is_none() && regions.find(0x6000).is_none());
        assert_eq!(regions.find(0x5fff).unwrap().range, 0x4000..0x6000);
    }

    #[test]
    fn remove_splits_what_reaches_beyond() {
        let mut regions = with(&[(0x1000, 0x5000), (0x5000, 0x8000)]);
        regions.remove(0x2000..0x6000);
        assert_eq!(ranges(&regions), [(0x1000, 0x2000), (0x6000, 0x8000)]);
        regions.remove(0x7000..0x7000 + 0x1000);
        regions.remove(0..LIMIT);
        assert_eq!(ranges(&regions), []);
    }

    #[test]
    fn protect_changes_exactly_the_range_or_nothing() {
        let mut regions = with(&[(0x1000, 0x4000), (0x4000, 0x6000)]);
        assert!(!regions.protect(0x5000..0x7000, Protection::READ));
        assert_eq!(ranges(&regions), [(0x1000, 0x4000), (0x4000, 0x6000)]);
        assert!(regions.protect(0x3000..0x5000, Protection::READ));
        assert_eq!(regions.find(0x2fff).unwrap().protection, Protection::READ_WRITE);
        assert_eq!(regions.find(0x3000).unwrap().protection, Protection::READ);
        assert_eq!(regions.find(0x4fff).unwrap().protection, Protection::READ);
        assert_eq!(regions.find(0x5000).unwrap().protection, Protection::READ_WRITE);
    }

    #[test]
    fn free_space_is_found_from_the_top() {
        let regions = with(&[(0x8000, 0x9000), (0xc000, 0xd000)]);
        assert_eq!(regions.find_free(0x1000, 0x10000), Some(0xf000..0x10000));
        assert_eq!(regions.find_free(0x3000, 0xd000), Some(0x9000..0xc000));
        assert_eq!(regions.find_free(0x4000, 0xd000), Some(0x4000..0x8000));
        assert_eq!(regions.find_free(0x7000, 0xd000), Some(0x1000..0x8000));
        assert_eq!(regions.find_free(0x8000, 0xd000), None);
        assert_eq!(regions.find_free(0x1000, 0x8800), Some(0x7000..0x8000));
    }

    #[test]
    fn backing_fills_only_its_part_of_a_page() {
        let backing = Backing::Bytes { start: 0x1ffe, bytes: &[1, 2, 3, 4] };
        let mut page = [0; PAGE_SIZE];
        backing.fill(0x1000, &mut page);
        assert_eq!((page[0xffd], page[0xffe], page[0xfff]), (0, 1, 2));
        let mut page = [0; PAGE_SIZE];
        backing.fill(0x2000, &mut page);
        assert_eq!((page[0], page[1], page[2]), (3, 4, 0));
        let mut page = [0; PAGE_SIZE];
        backing.fill(0x3000, &mut page);
        assert_eq!(page, [0; PAGE_SIZE]);
    }
}
