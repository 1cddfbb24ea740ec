//! Directories: names, and what they name.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use super::{CHANGES, Directory, Inode, Kind, NAMES, New, inode_limit};
use crate::errno::{Errno, Result};

/// The names in a directory, in the order in which they came.
pub(super) struct Names {
    places: BTreeMap<Arc<[u8]>, u64>,
    entries: BTreeMap<u64, (Arc<[u8]>, Arc<Inode>)>,
    next: u64,
    /// It has been removed, and takes no more names.
    removed: bool,
    /// The root of another file system lies on it.
    covered: bool,
}

/// A name in a directory, as whoever lists it sees it.
pub struct Listed {
    /// Where the listing goes on behind it.
    pub next: u64,
    /// The name.
    pub name: Arc<[u8]>,
    /// What it names.
    pub inode: Arc<Inode>,
}

impl Names {
    pub(super) fn new() -> Self {
        Names { places: BTreeMap::new(), entries: BTreeMap::new(), next: 0, removed: false, covered: false }
    }

    /// As tmpfs counts on Linux.
    pub(super) fn size(&self) -> u64 {
        20 * (2 + self.entries.len() as u64)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<&Arc<Inode>> {
        self.places.get(name).map(|place| &self.entries[place].1)
    }

    /// Adds a name that is not there.
    pub(super) fn add(&mut self, name: &[u8], inode: Arc<Inode>) -> Result<()> {
        if self.removed {
            return Err(Errno::ENOENT);
        }
        if NAMES.fetch_add(1, Ordering::Relaxed) >= inode_limit() {
            NAMES.fetch_sub(1, Ordering::Relaxed);
            return Err(Errno::ENOSPC);
        }
        let name: Arc<[u8]> = name.into();
        self.places.insert(name.clone(), self.next);
        self.entries.insert(self.next, (name, inode));
        self.next += 1;
        Ok(())
    }

    /// Has a name that is there name something else; what it named.
    pub(super) fn replace(&mut self, name: &[u8], inode: Arc<Inode>) -> Option<Arc<Inode>> {
        let entry = self.entries.get_mut(self.places.get(name)?)?;
        Some(core::mem::replace(&mut entry.1, inode))
    }

    /// Takes a name out; what it named.
    pub(super) fn remove(&mut self, name: &[u8]) -> Option<Arc<Inode>> {
        let place = self.places.remove(name)?;
        NAMES.fetch_sub(1, Ordering::Relaxed);
        self.entries.remove(&place).map(|(_, inode)| inode)
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        NAMES.fetch_sub(self.entries.len(), Ordering::Relaxed);
    }
}

impl Inode {
    /// What is under that name.
    pub fn lookup(&self, name: &[u8]) -> Result<Arc<Inode>> {
        self.directory()?.names.lock().get(name).cloned().ok_or(Errno::ENOENT)
    }

    /// The directory that this one is in, or was in before it was removed; none for a root.
    pub fn parent(&self) -> Option<Arc<Inode>> {
        self.directory().ok()?.parent.lock().upgrade()
    }

    /// What this directory, which has a parent, is called there.
    pub fn name_of(&self, child: &Inode) -> Option<Vec<u8>> {
        let names = self.directory().ok()?.names.lock();
        names.entries.values().find(|(_, inode)| inode.number == child.number).map(|(name, _)| name.to_vec())
    }

    /// Makes something new under a name.
    pub fn create(self: &Arc<Self>, name: &[u8], new: New, permissions: u32) -> Result<Arc<Inode>> {
        let directory = self.directory()?;
        let _changes = CHANGES.lock();
        if directory.names.lock().get(name).is_some() {
            return Err(Errno::EEXIST);
        }
        let inode = Inode::new(new, permissions)?;
        if let Kind::Directory(new) = &inode.kind {
            *new.parent.lock() = Arc::downgrade(self);
        }
        self.enter(directory, name, &inode)?;
        Ok(inode)
    }

    /// A second name for what is there.
    pub fn link(self: &Arc<Self>, name: &[u8], inode: &Arc<Inode>) -> Result<()> {
        let directory = self.directory()?;
        if inode.is_directory() {
            return Err(Errno::EPERM);
        }
        let _changes = CHANGES.lock();
        if directory.names.lock().get(name).is_some() {
            return Err(Errno::EEXIST);
        }
        // What has lost its last name gets no other.
        if inode.about.lock().links == 0 {
            return Err(Errno::ENOENT);
        }
        self.enter(directory, name, inode)
    }

    /// Takes away a name of what is no directory. What it named may end with the last who has it open.
    pub fn unlink(&self, name: &[u8]) -> Result<Arc<Inode>> {
        let directory = self.directory()?;
        let _changes = CHANGES.lock();
        let mut names = directory.names.lock();
        match names.get(name) {
            None => return Err(Errno::ENOENT),
            Some(inode) if inode.is_directory() => return Err(Errno::EISDIR),
            Some(_) => {}
        }
        let inode = names.remove(name).ok_or(Errno::ENOENT)?;
        drop(names);
        inode.add_links(-1);
        self.touch();
        Ok(inode)
    }

    /// Takes away an empty directory.
    pub fn remove_directory(&self, name: &[u8]) -> Result<Arc<Inode>> {
        let directory = self.directory()?;
        let _changes = CHANGES.lock();
        let inode = directory.names.lock().get(name).cloned().ok_or(Errno::ENOENT)?;
        inode.close_down()?;
        directory.names.lock().remove(name);
        self.left_by_directory();
        Ok(inode)
    }

    /// The names from place `from` on, until `each` has had enough.
    pub fn list(&self, from: u64, mut each: impl FnMut(Listed) -> bool) -> Result<()> {
        let directory = self.directory()?;
        let mut next = from;
        loop {
            let listed = {
                let names = directory.names.lock();
                let entry = names.entries.range(next..).next();
                entry.map(|(place, (name, inode))| Listed { next: place + 1, name: name.clone(), inode: inode.clone() })
            };
            let Some(listed) = listed else { return Ok(()) };
            next = listed.next;
            if !each(listed) {
                return Ok(());
            }
        }
    }

    /// The root of another file system lies on this directory, which cannot be removed from now on.
    pub fn cover(&self) -> Result<()> {
        self.directory()?.names.lock().covered = true;
        Ok(())
    }

    /// The root of another file system lies on it.
    pub fn is_covered(&self) -> bool {
        self.directory().is_ok_and(|directory| directory.names.lock().covered)
    }

    pub(super) fn directory(&self) -> Result<&Directory> {
        if let Kind::Directory(directory) = &self.kind { Ok(directory) } else { Err(Errno::ENOTDIR) }
    }

    /// Puts `inode` into this directory, which has no such name; under the lock of all changes.
    fn enter(&self, directory: &Directory, name: &[u8], inode: &Arc<Inode>) -> Result<()> {
        directory.names.lock().add(name, inode.clone())?;
        inode.add_links(1);
        if inode.is_directory() {
            self.add_links(1);
        }
        self.touch();
        Ok(())
    }

    /// This directory is empty, and takes no more names; under the lock of all changes.
    pub(super) fn close_down(&self) -> Result<()> {
        let directory = self.directory()?;
        let mut names = directory.names.lock();
        match () {
            () if names.covered => return Err(Errno::EBUSY),
            () if !names.is_empty() => return Err(Errno::ENOTEMPTY),
            () => names.removed = true,
        }
        drop(names);
        self.add_links(-2);
        Ok(())
    }

    /// A directory is in this one no more.
    pub(super) fn left_by_directory(&self) {
        self.add_links(-1);
        self.touch();
    }
}
