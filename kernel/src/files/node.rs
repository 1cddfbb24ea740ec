//! A place in the tree of names, whichever file system it is in.

use alloc::sync::Arc;
use alloc::vec::Vec;

use vestibule::Process;

use super::file::{File, Wait};
use super::open::OpenFile;
use super::path::{Link, PATH_LIMIT, Step};
use super::stat::{Change, Metadata, Type};
use super::tmpfs::{Inode, New};
use super::{devices, proc, root};
use crate::contents::Contents;
use crate::errno::{Errno, Result};
use crate::reference::Cpu;
use crate::terminal::TERMINAL;

/// A file by its name, open or not.
#[derive(Clone)]
pub enum Node {
    /// In memory.
    Memory(Arc<Inode>),
    /// In `/proc`.
    Proc(proc::Place),
    /// Nowhere: a pipe, by one of its numbers.
    Open(Arc<OpenFile>),
}

/// What an open file may be used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// To be read.
    pub reads: bool,
    /// To be written.
    pub writes: bool,
}

impl Node {
    /// What it says of itself.
    pub fn metadata(&self) -> Metadata {
        match self {
            Node::Memory(inode) => inode.metadata(),
            Node::Proc(place) => place.metadata(),
            Node::Open(open) => open.file.metadata(),
        }
    }

    /// Changes what it says of itself.
    pub fn change(&self, change: &Change) -> Result<()> {
        match self {
            Node::Memory(inode) => {
                inode.change(change);
                Ok(())
            }
            Node::Proc(_) => Err(Errno::EPERM),
            Node::Open(open) => open.file.change(change),
        }
    }

    /// Where it leads, if it is a symbolic link.
    pub fn target(&self) -> Result<Vec<u8>> {
        match self {
            Node::Memory(inode) => inode.target().ok_or(Errno::EINVAL),
            Node::Proc(place) => place.target(),
            Node::Open(_) => Err(Errno::EINVAL),
        }
    }

    /// It is the same file.
    pub fn is(&self, other: &Node) -> bool {
        let (one, other) = (self.metadata(), other.metadata());
        (one.device, one.inode) == (other.device, other.inode)
    }

    /// The inode in memory that it is; names elsewhere are not made by calls: EPERM.
    pub fn in_memory(&self) -> Result<&Arc<Inode>> {
        match self {
            Node::Memory(inode) => Ok(inode),
            Node::Proc(_) | Node::Open(_) => Err(Errno::EPERM),
        }
    }

    /// Makes something new in this directory.
    pub fn create(&self, name: &[u8], new: New, permissions: u32) -> Result<Node> {
        // As Linux has it, `/proc` lacks what it does not have.
        let directory = self.in_memory().map_err(|_| Errno::ENOENT)?;
        Ok(Node::Memory(directory.create(name, new, permissions)?))
    }

    /// What stands behind it, to be used.
    pub fn open(&self, cpu: &mut Cpu<Process>, access: Access, wait: Wait) -> Result<Arc<dyn File>> {
        match self {
            Node::Memory(inode) => open_inode(cpu, inode, access, wait),
            Node::Proc(place) => place.open(cpu, access),
            Node::Open(open) => open.file.reopened(access),
        }
    }

    /// What can be run of it: EACCES if nothing may.
    pub fn program(&self) -> Result<Arc<dyn Contents>> {
        let metadata = self.metadata();
        if metadata.kind() != Type::Regular || metadata.mode & 0o111 == 0 {
            return Err(Errno::EACCES);
        }
        Ok(self.in_memory()?.clone())
    }

    /// Its path from the root; ENOENT if it is no directory that has one, ENAMETOOLONG if that is longer than a path may be.
    pub fn path(&self) -> Result<Vec<u8>> {
        // From its end on.
        let mut path = Vec::new();
        let mut at = self.clone();
        while !at.is(&root()) {
            let (parent, name) = at.name()?;
            path.extend(name.iter().rev());
            path.push(b'/');
            check_length(&path)?;
            at = parent;
        }
        if path.is_empty() {
            path.push(b'/');
        }
        path.reverse();
        Ok(path)
    }

    /// The path of what is called so in this directory.
    pub fn path_of(&self, name: &[u8]) -> Result<Vec<u8>> {
        let mut path = self.path()?;
        if path.last() != Some(&b'/') {
            path.push(b'/');
        }
        path.extend(name);
        check_length(&path)?;
        Ok(path)
    }

    /// The directory that this one is in, and what it is called there.
    fn name(&self) -> Result<(Node, Vec<u8>)> {
        match self {
            Node::Memory(inode) => {
                let parent = inode.parent().ok_or(Errno::ENOENT)?;
                let name = parent.name_of(inode).ok_or(Errno::ENOENT)?;
                Ok((Node::Memory(parent), name))
            }
            Node::Proc(place) => {
                let parent = place.parent().map_or_else(root, Node::Proc);
                Ok((parent, place.name().into_bytes()))
            }
            Node::Open(_) => Err(Errno::ENOENT),
        }
    }
}

/// With its final zero.
fn check_length(path: &[u8]) -> Result<()> {
    if path.len() < PATH_LIMIT { Ok(()) } else { Err(Errno::ENAMETOOLONG) }
}

impl Step for Node {
    fn is_directory(&self) -> bool {
        match self {
            Node::Memory(inode) => inode.is_directory(),
            Node::Proc(place) => place.kind() == Type::Directory,
            Node::Open(_) => false,
        }
    }

    fn child(&self, name: &[u8]) -> Result<Self> {
        match self {
            Node::Memory(inode) => {
                let child = inode.lookup(name)?;
                Ok(if child.is_covered() { Node::Proc(proc::Place::Root) } else { Node::Memory(child) })
            }
            Node::Proc(place) => Ok(Node::Proc(place.child(name)?)),
            Node::Open(_) => Err(Errno::ENOTDIR),
        }
    }

    fn parent(&self) -> Self {
        match self {
            Node::Memory(inode) => inode.parent().map_or_else(|| self.clone(), Node::Memory),
            Node::Proc(place) => place.parent().map_or_else(root, Node::Proc),
            Node::Open(_) => self.clone(),
        }
    }

    fn link(&self) -> Option<Result<Link<Self>>> {
        match self {
            Node::Memory(inode) => Some(Ok(Link::Path(inode.target()?))),
            Node::Proc(place) => place.link(),
            Node::Open(_) => None,
        }
    }
}

fn open_inode(cpu: &mut Cpu<Process>, inode: &Arc<Inode>, access: Access, wait: Wait) -> Result<Arc<dyn File>> {
    match inode.is() {
        Type::Directory | Type::Regular => Ok(inode.clone()),
        Type::Symlink => Err(Errno::ELOOP),
        Type::Fifo => {
            let meeting = inode.meeting().ok_or(Errno::ENXIO)?;
            Ok(Arc::new(meeting.open(cpu, inode.clone(), access, wait)?))
        }
        Type::Character => devices::open(inode, TERMINAL.controls_current(cpu)),
        Type::Block | Type::Socket => Err(Errno::ENXIO),
    }
}
