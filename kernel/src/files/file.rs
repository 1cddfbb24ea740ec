//! What stands behind an open file: bytes on a disk, a pipe, a device, a list of names.
//!
//! Calls get kernel memory, a piece at a time; whoever calls copies from and to user memory. So nothing here meets a user's
//! bad pointer, and locks may be held while bytes move.

use alloc::sync::Arc;

use vestibule::Process;

use super::node::Access;
use super::stat::{Change, Metadata, Type};
use crate::contents::Contents;
use crate::errno::{Errno, Result};
use crate::reference::Cpu;
use crate::wait::WaitQueue;

/// Where bytes go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    /// There, if the file has places.
    Place(u64),
    /// Behind the last byte.
    End,
}

impl At {
    /// So many bytes further.
    pub fn behind(self, count: usize) -> At {
        match self {
            At::Place(at) => At::Place(at.saturating_add(count as u64)),
            At::End => At::End,
        }
    }
}

/// What happens where there is nothing to read, or no room to write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// The task sleeps.
    Sleep,
    /// EAGAIN.
    Refuse,
}

/// What a file is ready for: the bits of `poll`.
pub mod ready {
    use linux_raw_sys::general as linux;

    /// Can be read without sleeping.
    pub const READ: u16 = (linux::POLLIN | linux::POLLRDNORM) as u16;
    /// Can be written without sleeping.
    pub const WRITE: u16 = (linux::POLLOUT | linux::POLLWRNORM) as u16;
    /// Whoever wrote has gone.
    pub const HANGUP: u16 = linux::POLLHUP as u16;
    /// Whoever read has gone.
    pub const ERROR: u16 = linux::POLLERR as u16;
}

/// A name in a directory.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// Where the listing goes on behind it.
    pub next: u64,
    /// Its inode's number.
    pub inode: u64,
    /// What it is.
    pub kind: Type,
    /// The name.
    pub name: &'a [u8],
}

/// What can be open. A call that does not fit the file says so in Linux's way.
pub trait File: Send + Sync {
    /// What it says of itself.
    fn metadata(&self) -> Metadata;

    /// Changes what it says of itself.
    fn change(&self, change: &Change) -> Result<()> {
        let _ = change;
        Ok(())
    }

    /// Fills `to`, as far as there is something: from `at` if the file has places. Nothing is the end.
    fn read(&self, cpu: &mut Cpu<Process>, at: u64, to: &mut [u8], wait: Wait) -> Result {
        let _ = (cpu, at, to, wait);
        Err(Errno::EINVAL)
    }

    /// The same, opened once more by one of its numbers; nothing to be opened if it has no name but those.
    fn reopened(&self, access: Access) -> Result<Arc<dyn File>> {
        let _ = access;
        Err(Errno::ENXIO)
    }

    /// Takes back what was just read and could not be delivered, if it can.
    fn unread(&self, bytes: &[u8]) {
        let _ = bytes;
    }

    /// Takes `from`, as far as there is room. Less than all of it only after an interruption, or where it may not sleep.
    fn write(&self, cpu: &mut Cpu<Process>, at: At, from: &[u8], wait: Wait) -> Result {
        let _ = (cpu, at, from, wait);
        Err(Errno::EINVAL)
    }

    /// Its bytes have places, so that there is something to seek.
    fn has_places(&self) -> bool {
        false
    }

    /// Cuts it, or lengthens it with zeros.
    fn resize(&self, size: u64) -> Result<()> {
        let _ = size;
        Err(Errno::EINVAL)
    }

    /// The names in it from place `from` on, until `each` has had enough.
    fn list(&self, from: u64, each: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        let _ = (from, each);
        Err(Errno::ENOTDIR)
    }

    /// What only this kind of file understands.
    fn control(&self, cpu: &mut Cpu<Process>, command: u32, argument: usize) -> Result {
        let _ = (cpu, command, argument);
        Err(Errno::ENOTTY)
    }

    /// What it is [ready] for.
    fn readiness(&self) -> u16 {
        ready::READ | ready::WRITE
    }

    /// Where to wait for another [readiness](File::readiness); none if it never changes.
    fn changes(&self) -> Option<&WaitQueue> {
        None
    }

    /// What can be mapped and run.
    fn contents(self: Arc<Self>) -> Option<Arc<dyn Contents>> {
        None
    }
}
