//! Names: making, changing, listing them, and where a process stands among them.

use alloc::vec::Vec;

use linux_raw_sys::general as linux;

use super::{Call, Errno, Result, Target};
use crate::files::file::Listed;
use crate::files::node::Node;
use crate::files::path::{Last, Step, walk};
use crate::files::root;
use crate::files::stat::DeviceNumber;
use crate::files::tmpfs::{self, New, Rename};
use crate::user_copy::copy_to_user;

pub(super) fn mkdir(call: &mut Call) -> Result {
    let mode = call.argument(2) as u32 & 0o1777;
    make(call, 0, New::Directory, mode)
}

/// `mknodat(directory, path, mode, device)`
pub(super) fn mknod(call: &mut Call) -> Result {
    let mode = call.argument(2) as u32;
    let new = tmpfs::special(mode, DeviceNumber::decode(call.argument(3) as u32))?;
    make(call, 0, new, mode)
}

/// `symlinkat(target, directory, path)`
pub(super) fn symlink(call: &mut Call) -> Result {
    let target = call.path(0)?;
    if target.is_empty() {
        return Err(Errno::ENOENT);
    }
    let walked = call.walk(1, Last::Name)?;
    match (walked.place, walked.name) {
        (Some(_), _) | (_, None) => return Err(Errno::EEXIST),
        (None, Some(_)) if walked.slash => return Err(Errno::ENOENT),
        (None, Some(name)) => _ = walked.directory.create(&name, New::Symlink(&target), 0o777)?,
    }
    Ok(0)
}

/// Makes something new at the path in argument `n + 1`.
fn make(call: &mut Call, n: usize, new: New, mode: u32) -> Result {
    let walked = call.walk(n, Last::Name)?;
    match (walked.place, walked.name) {
        (Some(_), _) | (_, None) => return Err(Errno::EEXIST),
        // Only a directory may be asked for with a slash behind its name.
        (None, Some(_)) if walked.slash && !matches!(new, New::Directory) => return Err(Errno::ENOENT),
        (None, Some(name)) => {
            _ = walked.directory.create(&name, new, mode & !call.process.location.mask())?;
        }
    }
    Ok(0)
}

/// `linkat(old_directory, old_path, new_directory, new_path, flags)`
pub(super) fn link(call: &mut Call) -> Result {
    let flags = call.argument(4) as u32;
    if flags & !(linux::AT_SYMLINK_FOLLOW | linux::AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    // The other way round than other calls have it.
    let keeps = if flags & linux::AT_SYMLINK_FOLLOW == 0 { linux::AT_SYMLINK_NOFOLLOW } else { 0 };
    let old = match call.target(0, flags & linux::AT_EMPTY_PATH | keeps)? {
        Target::Node(node) => node,
        Target::Open(open) => open.node().cloned().ok_or(Errno::ENOENT)?,
    };
    let walked = call.walk(2, Last::Name)?;
    let name = match (walked.place, walked.name) {
        (Some(_), _) | (_, None) => return Err(Errno::EEXIST),
        (None, Some(_)) if walked.slash => return Err(Errno::ENOENT),
        (None, Some(name)) => name,
    };
    walked.directory.in_memory()?.link(&name, old.in_memory().map_err(|_| Errno::EXDEV)?)?;
    Ok(0)
}

/// `unlinkat(directory, path, flags)`
pub(super) fn unlink(call: &mut Call) -> Result {
    let flags = call.argument(2) as u32;
    if flags & !linux::AT_REMOVEDIR != 0 {
        return Err(Errno::EINVAL);
    }
    let removes_directory = flags & linux::AT_REMOVEDIR != 0;
    let path = call.path(1)?;
    let walked = walk(&root(), &call.start(0, &path)?, &path, Last::Name)?;
    let Some(name) = walked.name else {
        return Err(match () {
            () if !removes_directory => Errno::EISDIR,
            () if last_is_dots(&path) => Errno::ENOTEMPTY,
            () if path.iter().all(|byte| *byte == b'/') => Errno::EBUSY,
            () => Errno::EINVAL,
        });
    };
    let place = walked.place.ok_or(Errno::ENOENT)?;
    if walked.slash && !removes_directory {
        return Err(if place.is_directory() { Errno::EISDIR } else { Errno::ENOTDIR });
    }
    let directory = walked.directory.in_memory()?;
    // What has lost its last name may end here, where no lock is held.
    let removed = if removes_directory { directory.remove_directory(&name)? } else { directory.unlink(&name)? };
    drop(removed);
    Ok(0)
}

fn last_is_dots(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').rfind(|name| !name.is_empty()) == Some(b"..")
}

/// `renameat2(old_directory, old_path, new_directory, new_path, flags)`
pub(super) fn rename(call: &mut Call, flags: u32) -> Result {
    let how = match flags {
        0 => Rename::Replace,
        linux::RENAME_NOREPLACE => Rename::NoReplace,
        linux::RENAME_EXCHANGE => Rename::Exchange,
        _ => return Err(Errno::EINVAL),
    };
    let (old, new) = (call.walk(0, Last::Name)?, call.walk(2, Last::Name)?);
    let (Some(old_name), Some(new_name)) = (old.name, new.name) else {
        return Err(if how == Rename::NoReplace { Errno::EEXIST } else { Errno::EBUSY });
    };
    let moved = old.place.ok_or(Errno::ENOENT)?;
    if !moved.is_directory() && (old.slash || new.slash && how != Rename::Exchange) {
        return Err(Errno::ENOTDIR);
    }
    let (from, to) = (old.directory.in_memory()?, new.directory.in_memory().map_err(|_| Errno::EXDEV)?);
    let replaced = tmpfs::rename(from, &old_name, to, &new_name, how)?;
    drop(replaced);
    Ok(0)
}

/// `readlinkat(directory, path, buffer, size)`
pub(super) fn readlink(call: &mut Call) -> Result {
    let (to, size) = (call.argument(2), call.argument(3) as i32);
    if size <= 0 {
        return Err(Errno::EINVAL);
    }
    let target = call.walk(0, Last::Keep)?.found()?.target()?;
    let count = target.len().min(size as usize);
    copy_to_user(to, &target[..count])?;
    Ok(count)
}

pub(super) fn chdir(call: &mut Call) -> Result {
    let path = call.path(0)?;
    let node = walk(&root(), &call.process.location.directory(), &path, Last::Follow)?.found()?;
    enter(call, node)
}

pub(super) fn fchdir(call: &mut Call) -> Result {
    let node = call.file(0)?.node().cloned().ok_or(Errno::ENOTDIR)?;
    enter(call, node)
}

fn enter(call: &mut Call, node: Node) -> Result {
    if !node.is_directory() {
        return Err(Errno::ENOTDIR);
    }
    call.process.location.enter(node);
    Ok(0)
}

/// `getcwd(buffer, size)`
pub(super) fn getcwd(call: &mut Call) -> Result {
    let (to, size) = (call.argument(0), call.argument(1));
    let mut path = call.process.location.directory().path()?;
    path.push(0);
    if path.len() > size {
        return Err(Errno::ERANGE);
    }
    copy_to_user(to, &path)?;
    Ok(path.len())
}

/// Bytes of an entry before its name: inode, next place, length, type.
const ENTRY: usize = 19;

/// `getdents64(number, buffer, size)`
pub(super) fn list(call: &mut Call) -> Result {
    /// More is given with the next call.
    const MOST: usize = 4096;
    let open = call.file(0)?;
    let (to, size) = (call.argument(1), (call.argument(2) as u32 as usize).min(MOST));
    let mut position = open.position.lock(call.cpu);
    let mut entries = Vec::with_capacity(size);
    let mut next = *position;
    let mut is_too_small = false;
    open.file.list(*position, &mut |listed| {
        let length = (ENTRY + listed.name.len() + 1).next_multiple_of(8);
        if entries.len() + length > size {
            is_too_small = entries.is_empty();
            return false;
        }
        next = listed.next;
        put_entry(&mut entries, &listed, length);
        true
    })?;
    if is_too_small {
        return Err(Errno::EINVAL);
    }
    copy_to_user(to, &entries)?;
    *position = next;
    Ok(entries.len())
}

fn put_entry(entries: &mut Vec<u8>, listed: &Listed, length: usize) {
    let start = entries.len();
    entries.extend(listed.inode.to_le_bytes());
    entries.extend(listed.next.to_le_bytes());
    entries.extend((length as u16).to_le_bytes());
    entries.push(listed.kind.entry());
    entries.extend(listed.name);
    entries.resize(start + length, 0);
}
