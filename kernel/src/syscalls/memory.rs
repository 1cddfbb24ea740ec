//! Memory: mappings, what may be done with them, and the heap.

use alloc::sync::Arc;

use linux_raw_sys::general as linux;

use super::{Call, Errno, Result};
use crate::address_space::{Mapping, Place, untagged};
use crate::backing::{Backing, FileBytes};
use crate::layout::PAGE_SIZE;
use crate::regions::{Marks, Protection};
use crate::shared_memory::SharedMemory;
use crate::user_copy::copy_to_user;
use crate::{branch_targets, mte};

pub(super) fn map(call: &mut Call) -> Result {
    let (address, size, offset) = (call.argument(0), call.argument(1), call.argument(5));
    // What no protection is known for is ignored, as in Linux.
    let protection = protection_of(call.argument(2) & protections() as usize)?;
    let flags = call.argument(3) as u32;
    let shared = match flags & linux::MAP_TYPE {
        linux::MAP_PRIVATE => false,
        linux::MAP_SHARED | linux::MAP_SHARED_VALIDATE => true,
        _ => return Err(Errno::EINVAL),
    };
    if size == 0 || !offset.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    if flags & (linux::MAP_GROWSDOWN | linux::MAP_HUGETLB) != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let place = match () {
        () if flags & linux::MAP_FIXED_NOREPLACE != 0 => Place::AtIfFree(address),
        () if flags & linux::MAP_FIXED != 0 => Place::At(address),
        () => Place::Near(address),
    };
    let mut mapping = Mapping { shared, ..Mapping::zero(place, size, protection) };
    match (flags & linux::MAP_ANONYMOUS != 0, shared) {
        (true, false) => {}
        (true, true) => {
            let size = page_up_or_none(size).map_err(|_| Errno::ENOMEM)?;
            mapping.backing = Backing::Shared(Arc::new(SharedMemory::new(size)));
        }
        (false, _) => {
            let (file, may_write) = file(call, shared)?;
            (mapping.backing, mapping.may_write, mapping.offset) = (Backing::File(file), may_write, offset);
        }
    }
    let memory = call.memory()?;
    let mut memory = memory.lock(call.cpu);
    let start = memory.map(mapping)?;
    if flags & (linux::MAP_POPULATE | linux::MAP_LOCKED) != 0 {
        memory.populate(start, size);
    }
    Ok(start)
}

/// The file to be mapped, and whether its mapping may be written.
fn file(call: &Call, shared: bool) -> Result<(FileBytes, bool)> {
    let open = call.process.files.get(call.argument(4))?;
    open.check_readable().map_err(|_| Errno::EACCES)?;
    // What is not a file on a disk has nothing to map.
    let contents = open.file.clone().contents().ok_or(Errno::ENODEV)?;
    let may_write = !shared || (open.check_writable().is_ok() && contents.has_pages());
    if !may_write && call.argument(2) as u32 & linux::PROT_WRITE != 0 {
        return Err(Errno::EACCES);
    }
    let path = open.path().unwrap_or_default().into();
    Ok((FileBytes::whole(contents, path), may_write))
}

pub(super) fn unmap(call: &mut Call) -> Result {
    let (start, size) = (untagged(call.argument(0)), call.argument(1));
    call.memory()?.lock(call.cpu).unmap(start, size)?;
    Ok(0)
}

pub(super) fn protect(call: &mut Call) -> Result {
    let (start, size, protection) = (untagged(call.argument(0)), call.argument(1), protection_of(call.argument(2))?);
    call.memory()?.lock(call.cpu).protect(start, size, protection)?;
    Ok(0)
}

pub(super) fn remap(call: &mut Call) -> Result {
    let (start, old, new) = (untagged(call.argument(0)), call.argument(1), call.argument(2));
    let place = match call.argument(3) as u32 {
        0 => None,
        linux::MREMAP_MAYMOVE => Some(Place::Near(0)),
        flags if flags == linux::MREMAP_MAYMOVE | linux::MREMAP_FIXED => Some(Place::At(call.argument(4))),
        _ => return Err(Errno::EINVAL),
    };
    Ok(call.memory()?.lock(call.cpu).remap(start, old, new, place)?)
}

pub(super) fn advise(call: &mut Call) -> Result {
    let (start, size, advice) =
        (untagged(call.argument(0)), page_up_or_none(call.argument(1))?, call.argument(2) as u32);
    let memory = call.memory()?;
    let mut memory = memory.lock(call.cpu);
    let all = match advice {
        linux::MADV_DONTNEED => memory.forget(start, size)?,
        linux::MADV_FREE if memory.is_anonymous(start, size)? => memory.forget(start, size)?,
        // About when pages come and go, which is not for programs to see.
        linux::MADV_NORMAL
        | linux::MADV_RANDOM
        | linux::MADV_SEQUENTIAL
        | linux::MADV_WILLNEED
        | linux::MADV_COLD
        | linux::MADV_PAGEOUT
        | linux::MADV_MERGEABLE
        | linux::MADV_UNMERGEABLE
        | linux::MADV_HUGEPAGE
        | linux::MADV_NOHUGEPAGE
        | linux::MADV_DONTDUMP
        | linux::MADV_DODUMP => memory.is_mapped(start, size)?,
        _ => return Err(Errno::EINVAL),
    };
    if all { Ok(0) } else { Err(Errno::ENOMEM) }
}

/// Which pages are in memory: a byte for each.
pub(super) fn residency(call: &mut Call) -> Result {
    let (start, size, to) = (untagged(call.argument(0)), page_up_or_none(call.argument(1))?, call.argument(2));
    let memory = call.memory()?;
    if !memory.lock(call.cpu).is_mapped(start, size).map_err(|_| outside(start))? {
        return Err(Errno::ENOMEM);
    }
    for page in (start..start + size).step_by(PAGE_SIZE) {
        if call.process.is_ending() {
            return Err(Errno::EINTR);
        }
        // One by one: writing may fault, and a fault takes the lock.
        let resident = memory.lock(call.cpu).is_resident(page);
        copy_to_user(to + (page - start) / PAGE_SIZE, &[u8::from(resident)])?;
    }
    Ok(0)
}

/// What is in memory stays there: nothing is ever taken out behind a program's back.
pub(super) fn lock(call: &mut Call) -> Result {
    let (start, size) = (untagged(call.argument(0)), call.argument(1));
    let within = start % PAGE_SIZE;
    let size = size.checked_add(within).ok_or(Errno::EINVAL).and_then(page_up_or_none)?;
    let mapped = call.memory()?.lock(call.cpu).is_mapped(start - within, size);
    if mapped.map_err(|_| Errno::ENOMEM)? { Ok(0) } else { Err(Errno::ENOMEM) }
}

/// What is stored to a shared mapping is in the file at once.
pub(super) fn synchronise(call: &mut Call) -> Result {
    const KNOWN: u32 = linux::MS_ASYNC | linux::MS_INVALIDATE | linux::MS_SYNC;
    let (start, size, flags) =
        (untagged(call.argument(0)), page_up_or_none(call.argument(1))?, call.argument(2) as u32);
    if flags & !KNOWN != 0 || flags & (linux::MS_ASYNC | linux::MS_SYNC) == linux::MS_ASYNC | linux::MS_SYNC {
        return Err(Errno::EINVAL);
    }
    let mapped = call.memory()?.lock(call.cpu).is_mapped(start, size);
    if mapped.map_err(|_| outside(start))? { Ok(0) } else { Err(Errno::ENOMEM) }
}

pub(super) fn set_break(call: &mut Call) -> Result {
    let end = call.argument(0);
    Ok(call.memory()?.lock(call.cpu).set_break(end))
}

/// What Linux says to a range that is not all user memory.
fn outside(start: usize) -> Errno {
    if start.is_multiple_of(PAGE_SIZE) { Errno::ENOMEM } else { Errno::EINVAL }
}

/// A size in whole pages.
fn page_up_or_none(size: usize) -> Result {
    size.checked_next_multiple_of(PAGE_SIZE).ok_or(Errno::EINVAL)
}

/// What may be asked for, where it is there.
fn protections() -> u32 {
    let where_there = |is_there, bit| if is_there { bit } else { 0 };
    linux::PROT_READ
        | linux::PROT_WRITE
        | linux::PROT_EXEC
        | where_there(branch_targets::are_present(), linux::PROT_BTI)
        | where_there(mte::is_present(), linux::PROT_MTE)
}

fn protection_of(bits: usize) -> Result<Protection> {
    let bits = u32::try_from(bits).map_err(|_| Errno::EINVAL)?;
    if bits & !protections() != 0 {
        return Err(Errno::EINVAL);
    }
    let has = |bit| bits & bit != 0;
    let mark = |bit, mark| if has(bit) { mark } else { Marks::NONE };
    Ok(Protection {
        // The architecture has no page that can be written or run but not read.
        read: bits & !(linux::PROT_MTE | linux::PROT_BTI) != 0,
        write: has(linux::PROT_WRITE),
        execute: has(linux::PROT_EXEC),
        marks: mark(linux::PROT_MTE, Marks::TAGGED).or(mark(linux::PROT_BTI, Marks::GUARDED)),
    })
}
