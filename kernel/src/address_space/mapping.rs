//! What a program maps, unmaps and protects, and its heap.

use core::ops::Range;

use super::{AddressSpace, MMAP_TOP, Region};
use crate::backing::Backing;
use crate::errno::Errno;
use crate::layout::{PAGE_SIZE, USER_END, page_down, page_up};
use crate::regions::{Access, NoRoom, Protection};

/// Why memory is not mapped, unmapped or protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// The range is empty, not page-aligned or outside user memory, or what is there has no tags (EINVAL).
    BadRange,
    /// Nothing that large is free, part of the range is not mapped, or there is no memory (ENOMEM).
    NoMemory,
    /// Something is there already, and is not to be replaced (EEXIST).
    InUse,
    /// Not all of it is one mapping (EFAULT).
    NotOneMapping,
    /// Writable and executable at once: the kernel runs with WXN. Or stores to a file that was opened for reading. (EACCES)
    NotAllowed,
}

impl From<NoRoom> for MapError {
    fn from(_: NoRoom) -> Self {
        Self::NoMemory
    }
}

impl From<MapError> for Errno {
    fn from(why: MapError) -> Self {
        match why {
            MapError::BadRange => Errno::EINVAL,
            MapError::NoMemory => Errno::ENOMEM,
            MapError::InUse => Errno::EEXIST,
            MapError::NotOneMapping => Errno::EFAULT,
            MapError::NotAllowed => Errno::EACCES,
        }
    }
}

/// Where a mapping goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// There, if it is free, or wherever there is room; zero is no wish.
    Near(usize),
    /// There, in place of whatever is there.
    At(usize),
    /// There, if it is free.
    AtIfFree(usize),
}

/// What is to be mapped.
pub struct Mapping {
    /// Where.
    pub place: Place,
    /// How many bytes; whole pages are mapped.
    pub size: usize,
    /// What the program may do with it.
    pub protection: Protection,
    /// Whether stores are for everybody who maps the same, children among them.
    pub shared: bool,
    /// Whether it may become writable.
    pub may_write: bool,
    /// What it holds.
    pub backing: Backing,
    /// Where in the backing it begins, a multiple of the page size.
    pub offset: usize,
}

impl Mapping {
    /// Zeros for the program alone.
    pub fn zero(place: Place, size: usize, protection: Protection) -> Self {
        Self { place, size, protection, shared: false, may_write: true, backing: Backing::Zero, offset: 0 }
    }
}

impl AddressSpace {
    /// Maps; the address.
    pub fn map(&mut self, mapping: Mapping) -> Result<usize, MapError> {
        let Mapping { place, size, protection, shared, may_write, backing, offset } = mapping;
        if size == 0 {
            return Err(MapError::BadRange);
        }
        if size > USER_END || offset.checked_add(page_up(size)).is_none() {
            return Err(MapError::NoMemory);
        }
        refuse(protection, may_write)?;
        if protection.is_tagged() && !may_have_tags(&backing) {
            return Err(MapError::BadRange);
        }
        let range = self.room(place, page_up(size))?;
        let start = range.start;
        // Zeros continue each other wherever they are; what is shared begins where it begins.
        let offset = if backing == Backing::Zero { start } else { offset };
        self.insert(Region { range, protection, shared, may_write, backing, offset })?;
        Ok(start)
    }

    /// Free pages for `size` bytes; what has to go has gone.
    pub(super) fn room(&mut self, place: Place, size: usize) -> Result<Range<usize>, MapError> {
        match place {
            Place::Near(wish) => {
                let wish = page_down(wish);
                let there = wish..wish.saturating_add(size);
                if wish >= PAGE_SIZE && there.end <= MMAP_TOP && self.regions.is_free(there.clone()) {
                    return Ok(there);
                }
                self.regions.find_free(size, MMAP_TOP).ok_or(MapError::NoMemory)
            }
            Place::At(start) => {
                let range = fixed_range(start, size)?;
                self.unmap(range.start, range.len())?;
                Ok(range)
            }
            Place::AtIfFree(start) => {
                let range = fixed_range(start, size)?;
                if self.regions.is_free(range.clone()) { Ok(range) } else { Err(MapError::InUse) }
            }
        }
    }

    /// Has every page of the range there before it is used, as far as there is memory.
    pub fn populate(&mut self, start: usize, size: usize) {
        for page in (start..start + page_up(size)).step_by(PAGE_SIZE) {
            let stores = self.regions.find(page).is_some_and(|region| region.protection.write);
            let access = if stores { Access::Write } else { Access::Read };
            if self.fault(page, access).is_err() {
                return;
            }
        }
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
        if !start.is_multiple_of(PAGE_SIZE) {
            return Err(MapError::BadRange);
        }
        if size == 0 {
            return Ok(());
        }
        let range = page_range(start, size).map_err(|_| MapError::NoMemory)?;
        let may_write = self.regions.in_range(range.clone()).all(|(region, _)| region.may_write);
        refuse(protection, may_write)?;
        if protection.is_tagged()
            && !self.regions.in_range(range.clone()).all(|(region, _)| may_have_tags(&region.backing))
        {
            return Err(MapError::BadRange);
        }
        if !self.regions.protect(range.clone(), protection)? {
            return Err(MapError::NoMemory);
        }
        for (region, part) in self.regions.in_range(range) {
            self.tables.protect_all(part, region.protection, region.shared);
        }
        Ok(())
    }

    /// Moves the end of the program's heap to `end` if it can; where the end is afterwards.
    pub fn set_break(&mut self, end: usize) -> usize {
        if end < self.heap.start || end > MMAP_TOP {
            return self.heap.end;
        }
        let (old, new) = (page_up(self.heap.end), page_up(end));
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

/// What no file's pages are shared with.
fn may_have_tags(backing: &Backing) -> bool {
    !matches!(backing, Backing::File(_))
}

fn refuse(protection: Protection, may_write: bool) -> Result<(), MapError> {
    let refused = protection.write && (protection.execute || !may_write);
    if refused { Err(MapError::NotAllowed) } else { Ok(()) }
}

/// The pages of a range that starts on a page boundary inside user memory.
pub(super) fn page_range(start: usize, size: usize) -> Result<Range<usize>, MapError> {
    let end = start.checked_add(size).filter(|&end| end <= USER_END).ok_or(MapError::BadRange)?;
    if size == 0 || !start.is_multiple_of(PAGE_SIZE) {
        return Err(MapError::BadRange);
    }
    Ok(start..page_up(end))
}

/// The same for a place that a program insists on.
fn fixed_range(start: usize, size: usize) -> Result<Range<usize>, MapError> {
    if !start.is_multiple_of(PAGE_SIZE) {
        return Err(MapError::BadRange);
    }
    page_range(start, size).map_err(|_| MapError::NoMemory)
}
