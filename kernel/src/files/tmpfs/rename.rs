//! Renaming: one name goes, another names what it named, and nobody sees anything between.

use alloc::sync::Arc;

use super::{CHANGES, Inode};
use crate::errno::{Errno, Result};

/// What may become of what is under the new name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rename {
    /// It goes.
    Replace,
    /// There must be nothing.
    NoReplace,
    /// It gets the old name.
    Exchange,
}

/// Names what is `old` in `from` `new` in `to`. What lost its name comes back: it may have to end where no lock is held.
pub fn rename(from: &Arc<Inode>, old: &[u8], to: &Arc<Inode>, new: &[u8], how: Rename) -> Result<Option<Arc<Inode>>> {
    let (source, destination) = (from.directory()?, to.directory()?);
    let _changes = CHANGES.lock();
    let moved = from.lookup(old)?;
    let replaced = match to.lookup(new) {
        Ok(inode) => Some(inode),
        Err(Errno::ENOENT) => None,
        Err(error) => return Err(error),
    };
    refuse(&moved, replaced.as_ref(), from, to, how)?;
    // Two names of one file: as POSIX has it, both stay.
    if replaced.as_ref().is_some_and(|replaced| Arc::ptr_eq(replaced, &moved)) {
        return Ok(None);
    }
    if how == Rename::Exchange {
        let other = replaced.ok_or(Errno::ENOENT)?;
        source.names.lock().replace(old, other.clone());
        destination.names.lock().replace(new, moved.clone());
        arrive(&other, to, from);
        arrive(&moved, from, to);
        return Ok(None);
    }
    match &replaced {
        Some(replaced) => {
            if replaced.is_directory() {
                replaced.close_down()?;
                to.left_by_directory();
            } else {
                replaced.add_links(-1);
            }
            destination.names.lock().replace(new, moved.clone());
        }
        None => destination.names.lock().add(new, moved.clone())?,
    }
    source.names.lock().remove(old);
    arrive(&moved, from, to);
    Ok(replaced)
}

fn refuse(
    moved: &Arc<Inode>,
    replaced: Option<&Arc<Inode>>,
    from: &Arc<Inode>,
    to: &Arc<Inode>,
    how: Rename,
) -> Result<()> {
    match (how, replaced) {
        (Rename::NoReplace, Some(_)) => return Err(Errno::EEXIST),
        (Rename::Exchange, None) => return Err(Errno::ENOENT),
        _ => {}
    }
    let is_above = |inode: &Arc<Inode>, other: &Arc<Inode>| {
        let mut above = Some(other.clone());
        while let Some(directory) = above {
            if Arc::ptr_eq(&directory, inode) {
                return true;
            }
            above = directory.parent();
        }
        false
    };
    // Into itself, or what is in it.
    if moved.is_directory() && is_above(moved, to) {
        return Err(Errno::EINVAL);
    }
    if moved.is_covered() {
        return Err(Errno::EBUSY);
    }
    let Some(replaced) = replaced else { return Ok(()) };
    if replaced.is_directory() && is_above(replaced, from) {
        return Err(if how == Rename::Exchange { Errno::EINVAL } else { Errno::ENOTEMPTY });
    }
    match (moved.is_directory(), replaced.is_directory()) {
        _ if how == Rename::Exchange => Ok(()),
        (true, false) => Err(Errno::ENOTDIR),
        (false, true) => Err(Errno::EISDIR),
        (true, true) if replaced.is_covered() => Err(Errno::EBUSY),
        (true, true) if !replaced.directory()?.names.lock().is_empty() => Err(Errno::ENOTEMPTY),
        _ => Ok(()),
    }
}

/// `moved` is in `to` now, and no more in `from`.
fn arrive(moved: &Arc<Inode>, from: &Arc<Inode>, to: &Arc<Inode>) {
    if let Ok(directory) = moved.directory() {
        *directory.parent.lock() = Arc::downgrade(to);
        from.add_links(-1);
        to.add_links(1);
    }
    moved.add_links(0);
    from.touch();
    to.touch();
}
