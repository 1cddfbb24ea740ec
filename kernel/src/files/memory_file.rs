//! Files and directories in memory, open.

use alloc::sync::Arc;

use vestibule::Process;

use super::file::{At, File, Listed, Wait};
use super::stat::{Change, Metadata, Type};
use super::tmpfs::Inode;
use crate::contents::Contents;
use crate::errno::Result;
use crate::frames::{Frame, OutOfMemory};
use crate::reference::Cpu;

/// Places in a listing before the first name: `.` and `..`.
const DOTS: u64 = 2;

impl File for Inode {
    fn metadata(&self) -> Metadata {
        self.metadata()
    }

    fn change(&self, change: &Change) -> Result<()> {
        self.change(change);
        Ok(())
    }

    fn read(&self, _: &mut Cpu<Process>, at: u64, to: &mut [u8], _: Wait) -> Result {
        self.read(at, to)
    }

    fn write(&self, _: &mut Cpu<Process>, at: At, from: &[u8], _: Wait) -> Result {
        let at = match at {
            At::Place(at) => Some(at),
            At::End => None,
        };
        self.write(at, from)
    }

    fn has_places(&self) -> bool {
        true
    }

    fn resize(&self, size: u64) -> Result<()> {
        self.resize(size)
    }

    fn list(&self, from: u64, each: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        let parent = self.parent().map_or(self.number(), |parent| parent.number());
        let dots: [(&[u8], u64); DOTS as usize] = [(b".", self.number()), (b"..", parent)];
        for (at, (name, inode)) in (0..).zip(dots).skip(from.min(DOTS) as usize) {
            if !each(Listed { next: at + 1, inode, kind: Type::Directory, name }) {
                return Ok(());
            }
        }
        self.list(from.saturating_sub(DOTS), |listed| {
            let (inode, kind) = (listed.inode.number(), listed.inode.is());
            each(Listed { next: listed.next + DOTS, inode, kind, name: &listed.name })
        })
    }

    fn contents(self: Arc<Self>) -> Option<Arc<dyn Contents>> {
        if self.is() == Type::Regular { Some(self) } else { None }
    }
}

impl Contents for Inode {
    fn size(&self) -> usize {
        self.metadata().size as usize
    }

    fn read_at(&self, offset: usize, to: &mut [u8]) -> usize {
        // What is mapped and run is a regular file.
        self.read(offset as u64, to).unwrap_or(0)
    }

    fn page(&self, number: usize) -> core::result::Result<Option<Frame>, OutOfMemory> {
        Inode::page(self, number as u64).map(Some).map_err(|_| OutOfMemory)
    }

    fn has_pages(&self) -> bool {
        true
    }
}
