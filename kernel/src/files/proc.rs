//! `/proc`: what the kernel says of processes and of itself, as far as `ps`, `top`, `free`, `mount` and `df` look.
//!
//! A place in it is a few numbers, and holds nothing alive. What a file says is written when it is opened; processes may have
//! ended by then.

mod machine;
mod process;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use vestibule::{IrqsSaved, Process as ProcessContext};

use super::file::{At, File, Listed, Wait};
use super::node::{Access, Node};
use super::path::Link;
use super::stat::{Metadata, Type};
use crate::errno::{Errno, Result};
use crate::fallible::{extend, try_collect};
use crate::process::Process;
use crate::processes;
use crate::reference::{Cpu, Reference};
use crate::task::Task;

/// The file system's number, as a device's.
const DEVICE: u32 = 2;

/// A place in `/proc`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// `/proc` itself.
    Root,
    /// A folder of settings: `sys`, `sys/kernel`.
    Settings(usize),
    /// A file about the machine, by its row in [`machine::FILES`].
    Machine(usize),
    /// `self`, and `thread-self`.
    Current {
        /// The second of them.
        thread: bool,
    },
    /// A process's folder, or a task's.
    Folder(Who),
    /// `task`: the folders of a process's tasks.
    Tasks(u32),
    /// A file about a process or a task, by its row in [`process::FILES`].
    File(Who, usize),
    /// A link of a process's.
    Link(Who, Leads),
    /// `fd`: what it has open.
    Descriptors(Who),
    /// One of these.
    Descriptor(Who, usize),
}

/// A process, or one task of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Who {
    process: u32,
    task: Option<u32>,
}

/// Where a process's links lead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leads {
    /// To its program.
    Program,
    /// To where it stands.
    Directory,
    /// To its root.
    Root,
}

const LINKS: [(&str, Leads); 3] = [("exe", Leads::Program), ("cwd", Leads::Directory), ("root", Leads::Root)];
/// Folders of settings, each in the one before.
const SETTINGS: [&str; 2] = ["sys", "kernel"];

impl Who {
    fn find(self) -> Result<Arc<Process>> {
        let process = processes::find(self.process).ok_or(Errno::ENOENT)?;
        match self.task {
            Some(task) if process.task(task).is_none() => Err(Errno::ENOENT),
            _ => Ok(process),
        }
    }
}

impl Place {
    /// What it is.
    pub fn kind(self) -> Type {
        match self {
            Place::Machine(_) | Place::File(..) => Type::Regular,
            Place::Current { .. } | Place::Link(..) | Place::Descriptor(..) => Type::Symlink,
            _ => Type::Directory,
        }
    }

    /// What it says of itself.
    pub fn metadata(self) -> Metadata {
        let permissions = match self {
            Place::Descriptors(_) => 0o500,
            Place::Descriptor(..) => 0o700,
            _ if self.kind() == Type::Directory => 0o555,
            _ if self.kind() == Type::Symlink => 0o777,
            _ if self.command().is_some() => 0o644,
            _ => 0o444,
        };
        let links = if self.kind() == Type::Directory { 2 } else { 1 };
        let mode = self.kind() as u32 | permissions;
        Metadata { device: DEVICE, inode: self.number(), links, ..Metadata::of(mode) }
    }

    /// What a write to it does, if it may be written.
    fn command(self) -> Option<machine::Command> {
        match self {
            Place::Machine(row) => machine::FILES[row].command,
            _ => None,
        }
    }

    /// A number of its own.
    fn number(self) -> u64 {
        let of = |who: Who, below: usize| {
            let task = who.task.map_or(0, |task| u64::from(task) + 1);
            (u64::from(who.process) + 1) << 40 | task << 16 | below as u64
        };
        match self {
            Place::Root => 1,
            Place::Settings(depth) => 2 + depth as u64,
            Place::Current { thread } => 8 + u64::from(thread),
            Place::Machine(row) => 16 + row as u64,
            Place::Folder(who) => of(who, 0),
            Place::Tasks(process) => of(Who { process, task: None }, 1),
            Place::Descriptors(who) => of(who, 2),
            Place::Link(who, leads) => of(who, 3 + leads as usize),
            Place::File(who, row) => of(who, 16 + row),
            Place::Descriptor(who, number) => of(who, 0x1000 + number),
        }
    }

    /// The folder that it is in; none for the root.
    pub fn parent(self) -> Option<Place> {
        Some(match self {
            Place::Root => return None,
            Place::Settings(0) | Place::Current { .. } => Place::Root,
            Place::Settings(depth) => Place::Settings(depth - 1),
            Place::Machine(row) => machine::FILES[row].folder(),
            Place::Folder(Who { process, task: Some(_) }) => Place::Tasks(process),
            Place::Folder(_) => Place::Root,
            Place::Tasks(process) => Place::Folder(Who { process, task: None }),
            Place::File(who, _) | Place::Link(who, _) | Place::Descriptors(who) => Place::Folder(who),
            Place::Descriptor(who, _) => Place::Descriptors(who),
        })
    }

    /// What it is called.
    pub fn name(self) -> String {
        match self {
            Place::Root => "proc".into(),
            Place::Settings(depth) => SETTINGS[depth].into(),
            Place::Current { thread: false } => "self".into(),
            Place::Current { thread: true } => "thread-self".into(),
            Place::Machine(row) => machine::FILES[row].name.into(),
            Place::Folder(who) => alloc::format!("{}", who.task.unwrap_or(who.process)),
            Place::Tasks(_) => "task".into(),
            Place::File(_, row) => process::FILES[row].0.into(),
            Place::Link(_, leads) => LINKS[leads as usize].0.into(),
            Place::Descriptors(_) => "fd".into(),
            Place::Descriptor(_, number) => alloc::format!("{number}"),
        }
    }

    /// What is in the folder under that name.
    pub fn child(self, name: &[u8]) -> Result<Place> {
        let found = match self {
            Place::Folder(who) => {
                who.find()?;
                Self::fixed(self).into_iter().find(|place| place.name().as_bytes() == name)
            }
            Place::Root | Place::Settings(_) => {
                let fixed = Self::fixed(self).into_iter().find(|place| place.name().as_bytes() == name);
                fixed.or_else(|| {
                    (self == Place::Root)
                        .then(|| numbered(name))
                        .flatten()
                        .map(|process| Place::Folder(Who { process, task: None }))
                })
            }
            Place::Tasks(process) => numbered(name).map(|task| Place::Folder(Who { process, task: Some(task) })),
            Place::Descriptors(who) => numbered(name).map(|number| Place::Descriptor(who, number as usize)),
            _ => return Err(Errno::ENOTDIR),
        };
        let found = found.ok_or(Errno::ENOENT)?;
        match found {
            Place::Folder(who) => _ = who.find()?,
            Place::Descriptor(who, number) => _ = who.find()?.files.get(number).map_err(|_| Errno::ENOENT)?,
            _ => {}
        }
        Ok(found)
    }

    /// What is in the folder, whoever runs.
    fn fixed(self) -> Vec<Place> {
        match self {
            Place::Root | Place::Settings(_) => {
                let files = (0..machine::FILES.len()).map(Place::Machine).filter(|file| file.parent() == Some(self));
                let more: &[Place] = match self {
                    Place::Root => {
                        &[Place::Current { thread: false }, Place::Current { thread: true }, Place::Settings(0)]
                    }
                    Place::Settings(0) => &[Place::Settings(1)],
                    _ => &[],
                };
                files.chain(more.iter().copied()).collect()
            }
            Place::Folder(who) => {
                let files = (0..process::FILES.len()).map(|row| Place::File(who, row));
                let links = LINKS.iter().map(|(_, leads)| Place::Link(who, *leads));
                let tasks = who.task.is_none().then_some(Place::Tasks(who.process));
                files.chain(links).chain([Place::Descriptors(who)]).chain(tasks).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Everything in the folder.
    fn children(self) -> Result<Vec<Place>> {
        let mut all = self.fixed();
        match self {
            Place::Root => {
                let mut numbers = try_collect(processes::all().map(|process| process.id()))?;
                numbers.sort_unstable();
                let folder = |process| Place::Folder(Who { process, task: None });
                extend(&mut all, numbers.into_iter().map(folder))?;
            }
            Place::Folder(who) => _ = who.find()?,
            Place::Tasks(process) => {
                let numbers = try_collect(Who { process, task: None }.find()?.tasks().map(|task| task.id()))?;
                let folder = |task| Place::Folder(Who { process, task: Some(task) });
                extend(&mut all, numbers.into_iter().rev().map(folder))?;
            }
            Place::Descriptors(who) => {
                all.extend(who.find()?.files.numbers().into_iter().map(|number| Place::Descriptor(who, number)));
            }
            _ => {}
        }
        Ok(all)
    }

    /// Where it leads, if it is a link.
    pub fn link(self) -> Option<Result<Link<Node>>> {
        match self {
            Place::Current { thread } => Some(Ok(Link::Path(current(thread)))),
            // Whoever runs that program wants to know its path.
            Place::Link(who, Leads::Program) => {
                Some(who.find().map(|process| Link::Path(process.executable().to_vec())))
            }
            Place::Link(who, leads) => Some(leads_to(who, leads).map(Link::Place)),
            Place::Descriptor(who, number) => Some(described(who, number).map(Link::Place)),
            _ => None,
        }
    }

    /// The path that it leads to, if it is a link.
    pub fn target(self) -> Result<Vec<u8>> {
        match self {
            Place::Current { thread } => Ok(current(thread)),
            Place::Link(who, Leads::Program) => Ok(who.find()?.executable().to_vec()),
            Place::Link(who, leads) => leads_to(who, leads)?.path(),
            Place::Descriptor(who, number) => {
                let open = who.find()?.files.get(number).map_err(|_| Errno::ENOENT)?;
                let pipe = || alloc::format!("pipe:[{}]", open.file.metadata().inode).into_bytes();
                Ok(open.path().unwrap_or_else(pipe))
            }
            _ => Err(Errno::EINVAL),
        }
    }

    /// What stands behind it, to be read.
    pub fn open(self, cpu: &mut Cpu<ProcessContext>, access: Access) -> Result<Arc<dyn File>> {
        let text = match self {
            Place::Machine(_) | Place::File(..) if access.writes && self.command().is_none() => {
                return Err(Errno::EACCES);
            }
            // Who only gives commands cannot read it.
            Place::Machine(_) if !access.reads => Vec::new(),
            Place::Machine(row) => (machine::FILES[row].text)(),
            Place::File(who, row) => (process::FILES[row].1)(cpu, &who.find()?, who.task)?,
            _ if self.kind() == Type::Symlink => return Err(Errno::ELOOP),
            _ => Vec::new(),
        };
        Ok(Arc::new(Opened { place: self, text }))
    }
}

/// What is called `self`, from the root: the process that asks, or its task that does.
fn current(thread: bool) -> Vec<u8> {
    let here = IrqsSaved::<Reference>::save();
    let task = Task::current(here.cpu());
    let process = task.process().map_or(0, |process| process.id());
    let path = if thread { alloc::format!("{process}/task/{}", task.id()) } else { alloc::format!("{process}") };
    path.into_bytes()
}

fn leads_to(who: Who, leads: Leads) -> Result<Node> {
    let process = who.find()?;
    match leads {
        Leads::Program => super::find(&process.executable(), &super::root()),
        Leads::Directory => Ok(process.location.directory()),
        Leads::Root => Ok(super::root()),
    }
}

/// What a process has open under that number.
fn described(who: Who, number: usize) -> Result<Node> {
    let open = who.find()?.files.get(number).map_err(|_| Errno::ENOENT)?;
    Ok(open.node().cloned().unwrap_or(Node::Open(open)))
}

/// A name that is a number, without zeros before it.
fn numbered(name: &[u8]) -> Option<u32> {
    let is_plain = name == b"0" || name.first().is_some_and(|digit| *digit != b'0');
    let digits = name.iter().all(u8::is_ascii_digit) && is_plain;
    digits.then(|| core::str::from_utf8(name).ok()?.parse().ok()).flatten()
}

/// A place, open: what it said then, or what is in it now.
struct Opened {
    place: Place,
    text: Vec<u8>,
}

impl File for Opened {
    fn metadata(&self) -> Metadata {
        self.place.metadata()
    }

    fn read(&self, _: &mut Cpu<ProcessContext>, at: u64, to: &mut [u8], _: Wait) -> Result {
        if self.place.kind() == Type::Directory {
            return Err(Errno::EISDIR);
        }
        let rest = usize::try_from(at).ok().and_then(|at| self.text.get(at..)).unwrap_or_default();
        let count = rest.len().min(to.len());
        to[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write(&self, cpu: &mut Cpu<ProcessContext>, _: At, from: &[u8], _: Wait) -> Result {
        let command = self.place.command().ok_or(Errno::EINVAL)?;
        command(cpu, from).map(|()| from.len())
    }

    fn has_places(&self) -> bool {
        true
    }

    fn list(&self, from: u64, each: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        if self.place.kind() != Type::Directory {
            return Err(Errno::ENOTDIR);
        }
        let parent = self.place.parent().map_or(1, Place::number);
        let dots = [(String::from("."), self.place.number()), (String::from(".."), parent)];
        let dots = dots.into_iter().map(|(name, inode)| (name, inode, Type::Directory));
        let rest = self.place.children()?.into_iter().map(|place| (place.name(), place.number(), place.kind()));
        for (at, (name, inode, kind)) in (0..).zip(dots.chain(rest)).skip(from as usize) {
            if !each(Listed { next: at + 1, inode, kind, name: name.as_bytes() }) {
                break;
            }
        }
        Ok(())
    }
}
