//! The file system in memory: inodes, and directories that name them. Pure; its tests run on the host.
//!
//! Names change under one lock for all, [`CHANGES`]; each directory has its own besides, under which names are looked up. So
//! nobody who looks waits for who renames elsewhere, and who changes two directories need not think of an order.

mod directory;
mod rename;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::mem;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::data::{Data, SIZE_LIMIT};
use super::fifo::Meeting;
use super::page::{self, NoSpace};
use super::stat::{Change, DeviceNumber, Metadata, PERMISSIONS, TYPE, Times, Timestamp, Type};
use crate::errno::{Errno, Result};
use crate::lock::IrqLock;
use crate::regions::PAGE_SIZE;

use directory::Names;
pub use rename::{Rename, rename};

/// Held by whoever changes names.
static CHANGES: IrqLock<()> = IrqLock::new(());
static INODES: AtomicUsize = AtomicUsize::new(0);
/// Names cost memory of the kernel's own, of which there must always be some.
static NAMES: AtomicUsize = AtomicUsize::new(0);
/// How many inodes there may be, and how many names: as on Linux, one for each two pages of memory.
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

/// How many inodes there are.
pub fn inodes() -> usize {
    INODES.load(Ordering::Relaxed)
}

/// How many inodes there may be.
pub fn inode_limit() -> usize {
    LIMIT.load(Ordering::Relaxed)
}

/// Sets how many inodes there may be, and how many names.
pub fn set_inode_limit(limit: usize) {
    LIMIT.store(limit, Ordering::Relaxed);
}

impl From<NoSpace> for Errno {
    fn from(_: NoSpace) -> Self {
        Errno::ENOSPC
    }
}

/// A file, of whatever type.
pub struct Inode {
    number: u64,
    kind: Kind,
    about: IrqLock<About>,
}

/// What is different from type to type.
enum Kind {
    Directory(Directory),
    Regular(IrqLock<Data>),
    Symlink(Box<[u8]>),
    Fifo(Meeting),
    /// A device, or the name of a socket.
    Special(Type, DeviceNumber),
}

/// What an inode's names are, and where it is itself.
struct Directory {
    names: IrqLock<Names>,
    parent: IrqLock<Weak<Inode>>,
}

/// What is the same for every type.
#[derive(Clone, Copy)]
struct About {
    permissions: u32,
    user: u32,
    group: u32,
    links: u32,
    times: Times,
}

/// What a new inode is to be.
pub enum New<'a> {
    /// An empty directory.
    Directory,
    /// A file with these bytes.
    Regular(&'static [u8]),
    /// A link to this path.
    Symlink(&'a [u8]),
    /// A named pipe.
    Fifo,
    /// A device, or the name of a socket.
    Special(Type, DeviceNumber),
}

impl Inode {
    /// A root: a directory that is in no other.
    pub fn root() -> Result<Arc<Inode>> {
        let root = Inode::new(New::Directory, 0o755)?;
        // Its own parent.
        root.add_links(1);
        Ok(root)
    }

    /// An inode without a name.
    pub fn new(new: New, permissions: u32) -> Result<Arc<Inode>> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        if INODES.fetch_add(1, Ordering::Relaxed) >= inode_limit() {
            INODES.fetch_sub(1, Ordering::Relaxed);
            return Err(Errno::ENOSPC);
        }
        let kind = match new {
            New::Directory => {
                Kind::Directory(Directory { names: IrqLock::new(Names::new()), parent: IrqLock::new(Weak::new()) })
            }
            New::Regular(bytes) => Kind::Regular(IrqLock::new(Data::new(bytes))),
            New::Symlink(path) => Kind::Symlink(path.into()),
            New::Fifo => Kind::Fifo(Meeting::new()),
            New::Special(is, number) => Kind::Special(is, number),
        };
        let links = if matches!(kind, Kind::Directory(_)) { 1 } else { 0 };
        let times = Times::all(Timestamp::now());
        let about = About { permissions: permissions & PERMISSIONS, user: 0, group: 0, links, times };
        Ok(Arc::new(Inode { number: NEXT.fetch_add(1, Ordering::Relaxed), kind, about: IrqLock::new(about) }))
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What it is.
    pub fn is(&self) -> Type {
        match self.kind {
            Kind::Directory(_) => Type::Directory,
            Kind::Regular(_) => Type::Regular,
            Kind::Symlink(_) => Type::Symlink,
            Kind::Fifo(_) => Type::Fifo,
            Kind::Special(is, _) => is,
        }
    }

    /// It holds names.
    pub fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory(_))
    }

    /// Which device it is for, if it is one.
    pub fn device(&self) -> Option<DeviceNumber> {
        match self.kind {
            Kind::Special(Type::Character | Type::Block, number) => Some(number),
            _ => None,
        }
    }

    /// Where it leads, if it is a symbolic link.
    pub fn target(&self) -> Option<Vec<u8>> {
        if let Kind::Symlink(path) = &self.kind { Some(path.to_vec()) } else { None }
    }

    /// Where those who open it meet, if it is a named pipe.
    pub fn meeting(&self) -> Option<&Meeting> {
        if let Kind::Fifo(meeting) = &self.kind { Some(meeting) } else { None }
    }

    /// What it says of itself.
    pub fn metadata(&self) -> Metadata {
        let about = *self.about.lock();
        let (size, blocks) = match &self.kind {
            Kind::Directory(directory) => (directory.names.lock().size(), 0),
            Kind::Regular(data) => {
                let data = data.lock();
                (data.size(), (data.pages() * (PAGE_SIZE / 512)) as u64)
            }
            Kind::Symlink(path) => (path.len() as u64, 0),
            Kind::Fifo(_) | Kind::Special(..) => (0, 0),
        };
        Metadata {
            device: 1,
            inode: self.number,
            mode: self.is() as u32 | about.permissions,
            links: about.links,
            user: about.user,
            group: about.group,
            special: self.device().unwrap_or(DeviceNumber::NONE),
            size,
            blocks,
            times: about.times,
        }
    }

    /// Changes what it says of itself.
    pub fn change(&self, change: &Change) {
        let mut about = self.about.lock();
        about.permissions = change.permissions.map_or(about.permissions, |mode| mode & PERMISSIONS);
        about.user = change.user.unwrap_or(about.user);
        about.group = change.group.unwrap_or(about.group);
        about.times.accessed = change.accessed.unwrap_or(about.times.accessed);
        about.times.modified = change.modified.unwrap_or(about.times.modified);
        about.times.changed = Timestamp::now();
    }

    /// Fills `to` with what stands from `at` on; how many bytes there were. It is a regular file.
    pub fn read(&self, at: u64, to: &mut [u8]) -> Result {
        let count = self.data()?.lock().read(at, to);
        self.about.lock().times.note_access();
        Ok(count)
    }

    /// Puts `from` at `at`, or at the end; how many bytes there was room for.
    pub fn write(&self, at: Option<u64>, from: &[u8]) -> Result {
        let mut data = self.data()?.lock();
        let at = at.unwrap_or(data.size());
        let room = SIZE_LIMIT.saturating_sub(at).min(from.len() as u64) as usize;
        if room == 0 && !from.is_empty() {
            return Err(Errno::EFBIG);
        }
        let count = data.write(at, &from[..room])?;
        drop(data);
        self.touch();
        Ok(count)
    }

    /// Has a regular file hold these bytes.
    pub fn show(&self, bytes: &'static [u8]) -> Result<()> {
        let before = mem::replace(&mut *self.data()?.lock(), Data::new(bytes));
        drop(before);
        Ok(())
    }

    /// Cuts it, or lengthens it with zeros.
    pub fn resize(&self, size: u64) -> Result<()> {
        let cut = self.data()?.lock().resize(size)?;
        // Much to free is freed without the lock.
        drop(cut);
        self.touch();
        Ok(())
    }

    /// A page of a regular file.
    #[cfg(target_os = "none")]
    pub fn page(&self, number: u64) -> Result<crate::frames::Frame> {
        Ok(self.data()?.lock().page(number)?.frame().clone())
    }

    fn data(&self) -> Result<&IrqLock<Data>> {
        match &self.kind {
            Kind::Regular(data) => Ok(data),
            Kind::Directory(_) => Err(Errno::EISDIR),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Its contents change now.
    fn touch(&self) {
        let mut about = self.about.lock();
        let now = Timestamp::now();
        about.times = Times { modified: now, changed: now, ..about.times };
    }

    fn add_links(&self, count: i32) {
        let mut about = self.about.lock();
        about.links = about.links.wrapping_add_signed(count);
        about.times.changed = Timestamp::now();
    }
}

impl Drop for Inode {
    fn drop(&mut self) {
        INODES.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How much of the memory for files is taken.
pub fn usage() -> (usize, usize) {
    (page::in_use(), page::limit())
}

/// What `mknod` is asked for.
pub fn special(mode: u32, number: DeviceNumber) -> Result<New<'static>> {
    match Type::of(mode) {
        None if mode & TYPE == 0 => Ok(New::Regular(&[])),
        Some(Type::Regular) => Ok(New::Regular(&[])),
        Some(Type::Fifo) => Ok(New::Fifo),
        Some(is @ (Type::Character | Type::Block | Type::Socket)) => Ok(New::Special(is, number)),
        Some(Type::Directory) => Err(Errno::EPERM),
        _ => Err(Errno::EINVAL),
    }
}
