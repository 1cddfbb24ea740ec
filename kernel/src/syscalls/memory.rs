//! Memory: anonymous mappings and the heap.

use linux_raw_sys::general as linux;

use super::{Call, Errno, Result};
use crate::address_space::MapError;
use crate::regions::Protection;

impl From<MapError> for Errno {
    fn from(why: MapError) -> Self {
        match why {
            MapError::BadRange => Errno::EINVAL,
            MapError::NoMemory => Errno::ENOMEM,
            MapError::WritableAndExecutable => Errno::EACCES,
        }
    }
}

pub(super) fn map(call: &mut Call) -> Result {
    let (address, size, protection, flags) =
        (call.argument(0), call.argument(1), call.argument(2), call.argument(3) as u32);
    if flags & linux::MAP_ANONYMOUS == 0 {
        return Err(Errno::EBADF);
    }
    let fixed = (flags & linux::MAP_FIXED != 0).then_some(address);
    Ok(call.memory()?.lock(call.cpu).map(fixed, size, protection_of(protection)?)?)
}

pub(super) fn unmap(call: &mut Call) -> Result {
    let (start, size) = (call.argument(0), call.argument(1));
    call.memory()?.lock(call.cpu).unmap(start, size)?;
    Ok(0)
}

pub(super) fn protect(call: &mut Call) -> Result {
    let (start, size, protection) = (call.argument(0), call.argument(1), protection_of(call.argument(2))?);
    call.memory()?.lock(call.cpu).protect(start, size, protection)?;
    Ok(0)
}

pub(super) fn set_break(call: &mut Call) -> Result {
    let end = call.argument(0);
    Ok(call.memory()?.lock(call.cpu).set_break(end))
}

fn protection_of(bits: usize) -> core::result::Result<Protection, Errno> {
    let bits = u32::try_from(bits).map_err(|_| Errno::EINVAL)?;
    if bits & !(linux::PROT_READ | linux::PROT_WRITE | linux::PROT_EXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let has = |bit| bits & bit != 0;
    Ok(Protection {
        // The architecture has no page that can be written or run but not read.
        read: bits != 0,
        write: has(linux::PROT_WRITE),
        execute: has(linux::PROT_EXEC),
    })
}
