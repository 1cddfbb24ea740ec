//! The tree as programs find it: what is in the initial RAM disk, and the devices.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use linux_raw_sys::general as linux;

use super::cpio::{self, CpioError, Entry};
use super::devices;
use super::node::Node;
use super::open::{Name, OpenFile};
use super::page;
use super::path::{Last, Step, Walked, walk};
use super::stat::{Change, DeviceNumber, Timestamp, Type};
use super::table::FileTable;
use super::tmpfs::{self, Inode, New};
use crate::errno::{Errno, Result};
use crate::frames;
use crate::lock::IrqLock;

static ROOT: IrqLock<Option<Arc<Inode>>> = IrqLock::new(None);

/// Why the tree cannot be made.
#[derive(Debug)]
pub enum FillError {
    /// The archive is malformed.
    Archive(CpioError),
    /// An entry of it has no place in the tree.
    Entry {
        /// Where it begins.
        at: usize,
        /// Its name.
        name: String,
        /// What is in the way.
        why: Errno,
    },
    /// The kernel's own names have none.
    Own(Errno),
}

impl fmt::Display for FillError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive(why) => why.fmt(f),
            Self::Entry { at, name, why } => {
                write!(f, "cpio archive, entry at offset {at:#x}: `{name}` cannot be made: error {}", why.number())
            }
            Self::Own(why) => write!(f, "the tree of files cannot be made: error {}", why.number()),
        }
    }
}

impl From<Errno> for FillError {
    fn from(why: Errno) -> Self {
        Self::Own(why)
    }
}

/// The root of the tree.
pub fn root() -> Node {
    Node::Memory(ROOT.lock().clone().expect("files::fill has run"))
}

/// Finds what a path names, from a directory on.
pub fn find(path: &[u8], from: &Node) -> Result<Node> {
    walk(&root(), from, path, Last::Follow)?.found()
}

/// Finds what a path names, from a directory on, and its path from the root without links.
pub fn locate(path: &[u8], from: &Node) -> Result<(Node, Vec<u8>)> {
    let Walked { directory, name, place, .. } = walk(&root(), from, path, Last::Follow)?;
    let node = place.ok_or(Errno::ENOENT)?;
    let path = match name {
        // What lies too deep for a path is there all the same.
        Some(name) => match directory.path_of(&name) {
            Err(Errno::ENAMETOOLONG) => Vec::new(),
            path => path?,
        },
        None if node.is_directory() => node.path()?,
        // A link of `/proc` leads straight to a file.
        None => match walk(&root(), from, path, Last::Keep)?.place {
            Some(link @ Node::Proc(_)) => link.target()?,
            _ => Vec::new(),
        },
    };
    Ok((node, path))
}

/// What the first process has open: the console, three times.
pub fn first_table() -> Result<Arc<FileTable>> {
    let node = find(b"/dev/console", &root())?;
    let file = devices::open(node.in_memory()?, true)?;
    let name = Name { node, within: Some((find(b"/dev", &root())?, b"console".to_vec())) };
    let console = OpenFile::new(file, linux::O_RDWR | linux::O_LARGEFILE, Some(name));
    let table = FileTable::new();
    for _ in 0..3 {
        table.add(console.clone(), false, 0)?;
    }
    Ok(table)
}

/// Makes the tree, with what is in `archive`. Once.
pub fn fill(archive: &'static [u8]) -> core::result::Result<(), FillError> {
    // As on Linux: half of the memory for what files hold, and an inode for each two pages.
    page::set_limit(frames::free_count() / 2);
    tmpfs::set_inode_limit(frames::free_count() / 2);
    let root = Inode::root()?;
    *ROOT.lock() = Some(root.clone());
    let mut links = BTreeMap::new();
    for entry in cpio::entries(archive) {
        let entry = entry.map_err(FillError::Archive)?;
        let refused = |why| FillError::Entry { at: entry.at, name: text(entry.name), why };
        add(&entry, &mut links).map_err(refused)?;
    }
    for name in ["dev", "proc", "tmp"] {
        folder(&root, name.as_bytes(), if name == "tmp" { 0o1777 } else { 0o755 })?;
    }
    root.lookup(b"proc")?.cover()?;
    let folder = root.lookup(b"dev")?;
    for (name, number, permissions) in devices::ALL {
        match folder.create(name.as_bytes(), New::Special(Type::Character, number), permissions) {
            Ok(_) | Err(Errno::EEXIST) => {}
            Err(why) => return Err(why.into()),
        }
    }
    Ok(())
}

/// Which entries are names of one file: device and inode.
type Links = BTreeMap<([u32; 2], u32), Arc<Inode>>;

fn add(entry: &Entry<'static>, links: &mut Links) -> Result<()> {
    let root = root();
    let walked = walk(&root, &root, entry.name, Last::Name)?;
    let is_directory = Type::of(entry.mode) == Some(Type::Directory);
    let inode = match (walked.name, walked.place) {
        (Some(name), None) => make(entry, walked.directory.in_memory()?, &name, links)?,
        (_, Some(Node::Memory(there))) if is_directory && there.is_directory() => there,
        // As Linux has it, what comes later replaces what came before.
        (Some(name), Some(Node::Memory(there))) if !there.is_directory() && !is_directory => {
            walked.directory.in_memory()?.unlink(&name)?;
            make(entry, walked.directory.in_memory()?, &name, links)?
        }
        _ => return Err(Errno::EEXIST),
    };
    let modified = Some(Timestamp::from_seconds(entry.modified.into()));
    inode.change(&Change {
        permissions: Some(entry.mode),
        user: Some(entry.user),
        group: Some(entry.group),
        accessed: modified,
        modified,
    });
    Ok(())
}

/// Makes what an entry describes, or another name for what an earlier one did.
fn make(entry: &Entry<'static>, directory: &Arc<Inode>, name: &[u8], links: &mut Links) -> Result<Arc<Inode>> {
    let key = (entry.device, entry.inode);
    let kind = Type::of(entry.mode).ok_or(Errno::EINVAL)?;
    if let Some(linked) = links.get(&key).filter(|inode| kind == Type::Regular && inode.is() == kind) {
        directory.link(name, linked)?;
        if !entry.data.is_empty() {
            linked.show(entry.data)?;
        }
        return Ok(linked.clone());
    }
    let [major, minor] = entry.special;
    let new = match kind {
        Type::Directory => New::Directory,
        Type::Regular => New::Regular(entry.data),
        Type::Symlink => New::Symlink(entry.data),
        Type::Fifo => New::Fifo,
        is => New::Special(is, DeviceNumber { major, minor }),
    };
    let inode = directory.create(name, new, entry.mode)?;
    if entry.links > 1 && kind == Type::Regular {
        links.insert(key, inode.clone());
    }
    Ok(inode)
}

fn folder(root: &Arc<Inode>, name: &[u8], permissions: u32) -> Result<()> {
    match root.create(name, New::Directory, permissions) {
        Ok(_) | Err(Errno::EEXIST) => Ok(()),
        Err(why) => Err(why),
    }
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
