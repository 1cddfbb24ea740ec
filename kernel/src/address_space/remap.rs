//! A mapping that grows, shrinks or moves.

use core::ops::Range;

use super::mapping::page_range;
use super::{AddressSpace, MMAP_TOP, MapError, Place, Region};
use crate::backing::Backing;
use crate::layout::{PAGE_SIZE, USER_END, page_up};

impl AddressSpace {
    /// Gives the mapping in the range another size: where it is, or, if `place` says so, elsewhere with everything in it. The
    /// address.
    pub fn remap(&mut self, start: usize, old: usize, new: usize, place: Option<Place>) -> Result<usize, MapError> {
        if new == 0 || !start.is_multiple_of(PAGE_SIZE) {
            return Err(MapError::BadRange);
        }
        if new > USER_END {
            return Err(MapError::NoMemory);
        }
        let old = page_range(start, old)?;
        let new = page_up(new);
        let region = self.regions.find(start).ok_or(MapError::NotOneMapping)?;
        if region.range.end < old.end {
            return Err(MapError::NotOneMapping);
        }
        let (region, at_end) = (region.clone(), region.range.end == old.end);
        if let Some(place @ (Place::At(_) | Place::AtIfFree(_))) = place {
            return self.relocate(&region, old, new, place);
        }
        if new <= old.len() {
            if new < old.len() {
                self.unmap(start + new, old.len() - new)?;
            }
            return Ok(start);
        }
        let more = old.end..start + new;
        if at_end && more.end <= MMAP_TOP && self.regions.is_free(more.clone()) {
            self.insert(part(&region, more.start, more))?;
            return Ok(start);
        }
        let place = place.ok_or(MapError::NoMemory)?;
        self.relocate(&region, old, new, place)
    }

    /// Moves what lies in `old` to another place, where it has `size` bytes.
    fn relocate(&mut self, region: &Region, old: Range<usize>, size: usize, place: Place) -> Result<usize, MapError> {
        if let Place::At(to) | Place::AtIfFree(to) = place
            && to < old.end
            && old.start < to.saturating_add(size)
        {
            return Err(MapError::BadRange);
        }
        // Before anything changes: what is there goes, the new one comes, and what was moved is taken out.
        self.regions.make_room(5)?;
        let to = self.room(place, size)?;
        let kept = old.start..old.start + old.len().min(size);
        self.insert(part(region, kept.start, to.clone()))?;
        if self.tables.relocate(kept, to.start).is_err() {
            self.unmap(to.start, to.len())?;
            return Err(MapError::NoMemory);
        }
        self.unmap(old.start, old.len())?;
        Ok(to.start)
    }
}

/// What `region` has from `page` on, at `range`.
fn part(region: &Region, page: usize, range: Range<usize>) -> Region {
    let offset = if region.backing == Backing::Zero { range.start } else { region.offset_of(page) };
    Region { range, offset, ..region.clone() }
}
