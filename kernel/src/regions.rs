//! Which parts of user memory a program has, for what, and from where they are filled on first use. Pure, so that its tests
//! run on the host; `address_space` joins it with page tables.

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
    /// What else is to be of it.
    pub marks: Marks,
}

/// What most memory has nothing of, any number of them: one comparison says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks(u8);

impl Marks {
    /// None.
    pub const NONE: Self = Self(0);
    /// It has tags, which accesses are checked for.
    pub const TAGGED: Self = Self(1 << 0);
    /// Indirect branches come to nothing in it but their targets (BTI).
    pub const GUARDED: Self = Self(1 << 1);

    /// All that are in either.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are in both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Protection {
    /// Nothing at all.
    pub const NONE: Self = Self { read: false, write: false, execute: false, marks: Marks::NONE };
    /// Constants.
    pub const READ: Self = Self { read: true, ..Self::NONE };
    /// Data.
    pub const READ_WRITE: Self = Self { write: true, ..Self::READ };
    /// Code.
    pub const READ_EXECUTE: Self = Self { execute: true, ..Self::READ };

    /// Whether it has tags.
    pub fn is_tagged(self) -> bool {
        self.marks.and(Marks::TAGGED) != Marks::NONE
    }

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

/// What fills a region's pages. Two that are equal are the same thing.
pub trait Backing: Clone + PartialEq {}

/// A range of whole pages with one protection and one backing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region<B> {
    /// Its pages.
    pub range: Range<usize>,
    /// What the program may do with them.
    pub protection: Protection,
    /// Whether stores are for everybody who has the same backing mapped, children among them, or for this program alone.
    pub shared: bool,
    /// Whether it may become writable: not where stores would go to a file that was opened for reading.
    pub may_write: bool,
    /// What they hold first.
    pub backing: B,
    /// Where in the backing the first page begins.
    pub offset: usize,
}

impl<B: Backing> Region<B> {
    /// Where in the backing `page` begins.
    pub fn offset_of(&self, page: usize) -> usize {
        page - self.range.start + self.offset
    }

    /// Whether `next` is the same with higher addresses, and begins where this ends.
    fn continues_in(&self, next: &Self) -> bool {
        self.range.end == next.range.start
            && self.protection == next.protection
            && (self.shared, self.may_write) == (next.shared, next.may_write)
            && self.backing == next.backing
            && self.offset_of(self.range.end) == next.offset
    }
}

/// The regions of an address space: sorted, disjoint, page-aligned, below `limit`.
#[derive(Debug)]
pub struct Regions<B> {
    regions: Vec<Region<B>>,
    limit: usize,
}

/// The most regions an address space has.
const MOST: usize = 16384;

/// A region would not be page-aligned, inside the limits, or in free space, or there would be too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

impl<B: Backing> Regions<B> {
    /// None yet; all will be below `limit`.
    pub const fn new(limit: usize) -> Self {
        Self { regions: Vec::new(), limit }
    }

    /// The region that has `address`.
    pub fn find(&self, address: usize) -> Option<&Region<B>> {
        let after = self.regions.partition_point(|region| region.range.end <= address);
        self.regions.get(after).filter(|region| region.range.contains(&address))
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Region<B>> {
        self.regions.iter()
    }

    /// Those that have a part of `range`, with that part.
    pub fn in_range(&self, range: Range<usize>) -> impl Iterator<Item = (&Region<B>, Range<usize>)> {
        let first = self.regions.partition_point(|region| region.range.end <= range.start);
        let these = self.regions[first..].iter().take_while(move |region| region.range.start < range.end);
        these.map(move |region| (region, region.range.start.max(range.start)..region.range.end.min(range.end)))
    }

    /// Whether all of `range` lies in regions.
    pub fn cover(&self, range: Range<usize>) -> bool {
        let covered = self.in_range(range.clone()).map(|(_, part)| part.len());
        covered.sum::<usize>() == range.len()
    }

    /// Whether none of `range` does.
    pub fn is_free(&self, range: Range<usize>) -> bool {
        self.in_range(range).next().is_none()
    }

    /// Adds `region` where nothing is yet; it becomes one with neighbours that it continues. The first page is never in one,
    /// so that a null pointer faults.
    pub fn insert(&mut self, region: Region<B>) -> Result<(), NoRoom> {
        let Range { start, end } = region.range;
        let aligned = start.is_multiple_of(PAGE_SIZE) && end.is_multiple_of(PAGE_SIZE);
        let at = self.regions.partition_point(|other| other.range.end <= start);
        let free = self.regions.get(at).is_none_or(|next| end <= next.range.start);
        if !aligned || start >= end || start < PAGE_SIZE || end > self.limit || !free {
            return Err(NoRoom);
        }
        self.make_room(1)?;
        self.regions.insert(at, region);
        self.join(at + 1);
        self.join(at);
        Ok(())
    }

    /// Takes whatever lies in `range` out; regions that reach beyond it keep the rest.
    pub fn remove(&mut self, range: Range<usize>) -> Result<(), NoRoom> {
        self.make_room(self.splits(range.start) + self.splits(range.end))?;
        self.split(range.start);
        self.split(range.end);
        self.regions.retain(|region| region.range.start >= range.end || region.range.end <= range.start);
        Ok(())
    }

    /// Gives all of `range` another protection; what has tags keeps them. False, and nothing changed, if it is not covered without gaps.
    pub fn protect(&mut self, range: Range<usize>, protection: Protection) -> Result<bool, NoRoom> {
        if !self.cover(range.clone()) {
            return Ok(false);
        }
        self.make_room(self.splits(range.start) + self.splits(range.end))?;
        self.split(range.start);
        self.split(range.end);
        for region in self.regions.iter_mut().filter(|region| range.contains(&region.range.start)) {
            let marks = protection.marks.or(region.protection.marks.and(Marks::TAGGED));
            region.protection = Protection { marks, ..protection };
        }
        let first = self.regions.partition_point(|region| region.range.start < range.start);
        let end = self.regions.partition_point(|region| region.range.start <= range.end);
        (first..end).rev().for_each(|at| self.join(at));
        Ok(true)
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

    /// The same regions once more.
    pub fn try_clone(&self) -> Result<Self, NoRoom> {
        let mut regions = Vec::new();
        regions.try_reserve_exact(self.regions.len()).map_err(|_| NoRoom)?;
        regions.extend(self.regions.iter().cloned());
        Ok(Self { regions, limit: self.limit })
    }

    /// Room for `more`: changes that make no more than that do not fail for want of it.
    pub fn make_room(&mut self, more: usize) -> Result<(), NoRoom> {
        if self.regions.len() + more > MOST {
            return Err(NoRoom);
        }
        self.regions.try_reserve(more).map_err(|_| NoRoom)
    }

    /// How many more there are when `address` is a boundary.
    fn splits(&self, address: usize) -> usize {
        self.find(address).is_some_and(|region| region.range.start < address).into()
    }

    /// Makes `address` a boundary between regions. There is room for one more.
    fn split(&mut self, address: usize) {
        let at = self.regions.partition_point(|region| region.range.end <= address);
        let Some(region) = self.regions.get_mut(at) else { return };
        if region.range.start < address {
            let mut upper = region.clone();
            upper.offset = region.offset_of(address);
            region.range.end = address;
            upper.range.start = address;
            self.regions.insert(at + 1, upper);
        }
    }

    /// Makes the region at index `at` and the one before it one, if they are.
    fn join(&mut self, at: usize) {
        let Some((lower, upper)) =
            at.checked_sub(1).and_then(|below| self.regions.get(below).zip(self.regions.get(at)))
        else {
            return;
        };
        if lower.continues_in(upper) {
            self.regions[at - 1].range.end = upper.range.end;
            self.regions.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 0x10_0000;

    impl Backing for u32 {}

    fn region(start: usize, end: usize) -> Region<u32> {
        Region {
            range: start..end,
            protection: Protection::READ_WRITE,
            shared: false,
            may_write: true,
            backing: 0,
            offset: start,
        }
    }

    /// With a backing of its own, so that it stays apart from its neighbours.
    fn apart(start: usize, end: usize) -> Region<u32> {
        Region { backing: start as u32, ..region(start, end) }
    }

    fn with(ranges: &[(usize, usize)]) -> Regions<u32> {
        let mut regions = Regions::new(LIMIT);
        for &(start, end) in ranges {
            regions.insert(apart(start, end)).unwrap();
        }
        regions
    }

    fn ranges(regions: &Regions<u32>) -> Vec<(usize, usize)> {
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
        regions.remove(0x2000..0x6000).unwrap();
        assert_eq!(ranges(&regions), [(0x1000, 0x2000), (0x6000, 0x8000)]);
        regions.remove(0x7000..0x7000 + 0x1000).unwrap();
        regions.remove(0..LIMIT).unwrap();
        assert_eq!(ranges(&regions), []);
    }

    #[test]
    fn protect_changes_exactly_the_range_or_nothing() {
        let mut regions = with(&[(0x1000, 0x4000), (0x4000, 0x6000)]);
        assert_eq!(regions.protect(0x5000..0x7000, Protection::READ), Ok(false));
        assert_eq!(ranges(&regions), [(0x1000, 0x4000), (0x4000, 0x6000)]);
        assert_eq!(regions.protect(0x3000..0x5000, Protection::READ), Ok(true));
        assert_eq!(regions.find(0x2fff).unwrap().protection, Protection::READ_WRITE);
        assert_eq!(regions.find(0x3000).unwrap().protection, Protection::READ);
        assert_eq!(regions.find(0x4fff).unwrap().protection, Protection::READ);
        assert_eq!(regions.find(0x5000).unwrap().protection, Protection::READ_WRITE);
    }

    #[test]
    fn a_range_is_covered_free_or_neither() {
        let regions = with(&[(0x1000, 0x3000), (0x3000, 0x5000), (0x8000, 0x9000)]);
        let parts = |range: Range<usize>| regions.in_range(range).map(|(_, part)| part).collect::<Vec<_>>();
        assert_eq!(parts(0x2000..0x9000), [0x2000..0x3000, 0x3000..0x5000, 0x8000..0x9000]);
        assert_eq!(parts(0x5000..0x8000), []);
        for (range, covered, free) in
            [(0x1000..0x5000, true, false), (0x4000..0x6000, false, false), (0x5000..0x8000, false, true)]
        {
            assert_eq!((regions.cover(range.clone()), regions.is_free(range.clone())), (covered, free), "{range:x?}");
        }
    }

    #[test]
    fn what_makes_no_more_of_them_is_done_at_the_limit() {
        let mut regions = Regions::new(usize::MAX);
        let at = |number: usize| PAGE_SIZE * (2 * number + 1)..PAGE_SIZE * (2 * number + 3);
        for number in 0..MOST {
            regions.insert(apart(at(number).start, at(number).end)).unwrap();
        }
        let (first, after) = (at(0), at(MOST));
        assert_eq!(regions.insert(apart(after.start, after.end)), Err(NoRoom));
        assert_eq!(regions.remove(first.start..first.start + PAGE_SIZE), Err(NoRoom));
        assert_eq!(regions.protect(first.start..first.start + PAGE_SIZE, Protection::READ), Err(NoRoom));
        assert_eq!(regions.protect(first.clone(), Protection::READ), Ok(true));
        assert_eq!(regions.remove(first), Ok(()));
        assert_eq!((regions.make_room(1), regions.make_room(2)), (Ok(()), Err(NoRoom)));
        assert_eq!(regions.insert(apart(after.start, after.end)), Ok(()));
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
    fn what_continues_is_one_region() {
        let mut regions = Regions::new(LIMIT);
        for (start, end) in [(0x1000, 0x2000), (0x3000, 0x4000), (0x2000, 0x3000)] {
            regions.insert(region(start, end)).unwrap();
        }
        assert_eq!(ranges(&regions), [(0x1000, 0x4000)]);
        assert_eq!(regions.protect(0x2000..0x3000, Protection::READ), Ok(true));
        assert_eq!(ranges(&regions), [(0x1000, 0x2000), (0x2000, 0x3000), (0x3000, 0x4000)]);
        assert_eq!(regions.protect(0x2000..0x3000, Protection::READ_WRITE), Ok(true));
        assert_eq!(ranges(&regions), [(0x1000, 0x4000)]);
        regions.insert(Region { offset: 0, ..region(0x4000, 0x5000) }).unwrap();
        regions.insert(Region { shared: true, ..region(0x5000, 0x6000) }).unwrap();
        assert_eq!(ranges(&regions), [(0x1000, 0x4000), (0x4000, 0x5000), (0x5000, 0x6000)]);
    }

    #[test]
    fn a_part_of_a_region_knows_its_part_of_the_backing() {
        let mut regions = Regions::new(LIMIT);
        regions.insert(Region { offset: 0x7000, ..region(0x1000, 0x5000) }).unwrap();
        regions.remove(0x2000..0x3000).unwrap();
        assert_eq!(regions.find(0x1000).unwrap().offset, 0x7000);
        let upper = regions.find(0x4000).unwrap();
        assert_eq!((upper.offset, upper.offset_of(0x4000)), (0x9000, 0xa000));
    }
}
