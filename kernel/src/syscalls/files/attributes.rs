//! Changing what files say of themselves. Everybody is root here, who may do everything but run what nobody may run.

use linux_raw_sys::general as linux;

use super::{Call, Errno, Result, Target};
use crate::errno;
use crate::files::path::{Last, walk};
use crate::files::root;
use crate::files::stat::{Change, Timestamp, Type, checked_size};
use crate::user_copy::read_user;

/// `faccessat2(directory, path, mode, flags)`
pub(super) fn access(call: &mut Call, flags: u32) -> Result {
    const EXECUTE: u32 = 1;
    const KNOWN: u32 = linux::AT_EACCESS | linux::AT_SYMLINK_NOFOLLOW | linux::AT_EMPTY_PATH;
    let mode = call.argument(2) as u32;
    if mode & !7 != 0 || flags & !KNOWN != 0 {
        return Err(Errno::EINVAL);
    }
    let metadata = call.target(0, flags)?.metadata();
    let runs = metadata.is_directory() || metadata.mode & 0o111 != 0;
    if mode & EXECUTE != 0 && !runs { Err(Errno::EACCES) } else { Ok(0) }
}

/// `fchmod(number, mode)`
pub(super) fn fchmod(call: &mut Call) -> Result {
    let change = Change { permissions: Some(call.argument(1) as u32), ..Change::default() };
    call.file(0)?.file.change(&change)?;
    Ok(0)
}

/// `fchmodat(directory, path, mode)`
pub(super) fn fchmodat(call: &mut Call) -> Result {
    let change = Change { permissions: Some(call.argument(2) as u32), ..Change::default() };
    call.target(0, 0)?.change(&change)?;
    Ok(0)
}

/// `fchown(number, user, group)`
pub(super) fn fchown(call: &mut Call) -> Result {
    let change = owners(call, 1);
    let open = call.file(0)?;
    let target = Target::Open(open);
    target.change(&without_set_id(change, &target))?;
    Ok(0)
}

/// `fchownat(directory, path, user, group, flags)`
pub(super) fn fchownat(call: &mut Call) -> Result {
    let flags = call.argument(4) as u32;
    if flags & !(linux::AT_SYMLINK_NOFOLLOW | linux::AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let target = call.target(0, flags)?;
    target.change(&without_set_id(owners(call, 2), &target))?;
    Ok(0)
}

/// The owner in argument `n` and the group behind it; -1 leaves one as it is.
fn owners(call: &Call, n: usize) -> Change {
    let id = |n| Some(call.argument(n) as u32).filter(|id| *id != u32::MAX);
    Change { user: id(n), group: id(n + 1), ..Change::default() }
}

/// What gets another owner does not run as its owner any more.
fn without_set_id(change: Change, target: &Target) -> Change {
    let metadata = target.metadata();
    if metadata.is_directory() {
        return change;
    }
    let set_group = if metadata.mode & 0o010 != 0 { 0o2000 } else { 0 };
    Change { permissions: Some(metadata.mode & !(0o4000 | set_group)), ..change }
}

/// `utimensat(directory, path, times, flags)`; no path is the directory itself.
pub(super) fn utimens(call: &mut Call) -> Result {
    let (times, flags) = (call.argument(2), call.argument(3) as u32);
    if flags & !(linux::AT_SYMLINK_NOFOLLOW | linux::AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let (accessed, modified) = if times == 0 {
        let now = Some(Timestamp::now());
        (now, now)
    } else {
        let [access_seconds, access, modify_seconds, modify] = read_user::<[i64; 4]>(times)?;
        (time(access_seconds, access)?, time(modify_seconds, modify)?)
    };
    let change = Change { accessed, modified, ..Change::default() };
    let target = if call.argument(1) == 0 { Target::Open(call.file(0)?) } else { call.target(0, flags)? };
    if times == 0 || accessed.is_some() || modified.is_some() {
        target.change(&change)?;
    }
    Ok(0)
}

/// A time, now, or none: leave it as it is.
fn time(seconds: i64, nanoseconds: i64) -> errno::Result<Option<Timestamp>> {
    match nanoseconds {
        _ if nanoseconds == linux::UTIME_NOW.into() => Ok(Some(Timestamp::now())),
        _ if nanoseconds == linux::UTIME_OMIT.into() => Ok(None),
        0..1_000_000_000 => Ok(Some(Timestamp { seconds, nanoseconds: nanoseconds as u32 })),
        _ => Err(Errno::EINVAL),
    }
}

/// `truncate(path, size)`
pub(super) fn truncate(call: &mut Call) -> Result {
    let size = checked_size(call.argument(1) as i64).ok_or(Errno::EINVAL)?;
    let path = call.path(0)?;
    let node = walk(&root(), &call.process.location.directory(), &path, Last::Follow)?.found()?;
    match node.metadata().kind() {
        Type::Directory => Err(Errno::EISDIR),
        Type::Regular => node.in_memory()?.resize(size).map(|()| 0),
        _ => Err(Errno::EINVAL),
    }
}

/// `ftruncate(number, size)`
pub(super) fn ftruncate(call: &mut Call) -> Result {
    let size = checked_size(call.argument(1) as i64).ok_or(Errno::EINVAL)?;
    let open = call.file(0)?;
    if open.check_writable().is_err() || open.file.metadata().kind() != Type::Regular {
        return Err(Errno::EINVAL);
    }
    open.file.resize(size)?;
    Ok(0)
}
