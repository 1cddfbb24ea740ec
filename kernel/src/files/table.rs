//! What a process has open, by number; and where it stands in the tree of names.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::node::Node;
use super::open::OpenFile;
use crate::errno::{Errno, Result};
use crate::heap;
use crate::lock::IrqLock;

/// No number is as high: RLIMIT_NOFILE.
pub const LIMIT: usize = 1024;

/// Open files by their numbers. Processes may share one.
pub struct FileTable {
    slots: IrqLock<Vec<Option<Slot>>>,
    /// How many processes have it that have not ended.
    users: AtomicUsize,
}

#[derive(Clone)]
struct Slot {
    file: Arc<OpenFile>,
    /// Another program does not find it open.
    close_on_exec: bool,
}

impl FileTable {
    /// Nothing is open.
    pub fn new() -> Arc<FileTable> {
        FileTable::with(Vec::new())
    }

    fn with(slots: Vec<Option<Slot>>) -> Arc<FileTable> {
        Arc::new(FileTable { slots: IrqLock::new(slots), users: AtomicUsize::new(1) })
    }

    /// The same for another process.
    pub fn share(self: &Arc<Self>) -> Arc<FileTable> {
        self.users.fetch_add(1, Ordering::Relaxed);
        self.clone()
    }

    /// A table of its own for another process, with the same files.
    pub fn fork(&self) -> Arc<FileTable> {
        FileTable::with(self.slots.lock().clone())
    }

    /// A process has ended. With the last one everything is closed.
    pub fn leave(&self) {
        if self.users.fetch_sub(1, Ordering::AcqRel) == 1 {
            // What closes may wake others: without the lock.
            let slots = mem::take(&mut *self.slots.lock());
            drop(slots);
        }
    }

    /// What is open under that number.
    pub fn get(&self, number: usize) -> Result<Arc<OpenFile>> {
        match self.slots.lock().get(number as u32 as usize) {
            Some(Some(slot)) => Ok(slot.file.clone()),
            _ => Err(Errno::EBADF),
        }
    }

    /// Gives a file the lowest number that is free, from `least` on.
    pub fn add(&self, file: Arc<OpenFile>, close_on_exec: bool, least: usize) -> Result<usize> {
        let mut slots = self.slots.lock();
        let free = (least..slots.len()).find(|number| slots[*number].is_none());
        let number = free.unwrap_or(slots.len().max(least));
        if number >= LIMIT {
            return Err(Errno::EMFILE);
        }
        make_room(&mut slots, number)?;
        slots[number] = Some(Slot { file, close_on_exec });
        Ok(number)
    }

    /// Gives a file that number, closing what was open under it.
    pub fn put(&self, file: Arc<OpenFile>, close_on_exec: bool, number: usize) -> Result<()> {
        if number >= LIMIT {
            return Err(Errno::EBADF);
        }
        let mut slots = self.slots.lock();
        make_room(&mut slots, number)?;
        let before = slots[number].replace(Slot { file, close_on_exec });
        drop(slots);
        drop(before);
        Ok(())
    }

    /// Closes a file, or rather this number for it.
    pub fn close(&self, number: usize) -> Result<()> {
        let closed = self.slots.lock().get_mut(number as u32 as usize).and_then(Option::take);
        closed.map(drop).ok_or(Errno::EBADF)
    }

    /// Whether another program does not find it open.
    pub fn is_closed_on_exec(&self, number: usize) -> Result<bool> {
        match self.slots.lock().get(number) {
            Some(Some(slot)) => Ok(slot.close_on_exec),
            _ => Err(Errno::EBADF),
        }
    }

    /// Says whether another program does not find it open.
    pub fn set_closed_on_exec(&self, number: usize, close: bool) -> Result<()> {
        match self.slots.lock().get_mut(number) {
            Some(Some(slot)) => {
                slot.close_on_exec = close;
                Ok(())
            }
            _ => Err(Errno::EBADF),
        }
    }

    /// The numbers under which something is open.
    pub fn numbers(&self) -> Vec<usize> {
        let slots = self.slots.lock();
        slots.iter().enumerate().filter(|(_, slot)| slot.is_some()).map(|(number, _)| number).collect()
    }

    /// Another program begins: closes what it is not to find open.
    pub fn close_on_exec(&self) {
        let mut closed = Vec::new();
        for slot in self.slots.lock().iter_mut() {
            closed.extend(slot.take_if(|slot| slot.close_on_exec));
        }
        drop(closed);
    }
}

/// For that number, if there is none.
fn make_room(slots: &mut Vec<Option<Slot>>, number: usize) -> Result<()> {
    let length = slots.len().max(number + 1);
    slots.try_reserve(length - slots.len()).map_err(|_| Errno::ENOMEM)?;
    slots.resize(length, None);
    Ok(())
}

// A copy of it is always to be had.
const _: () = assert!(LIMIT * size_of::<Option<Slot>>() <= heap::SMALL);

/// Where a process stands in the tree of names, and what it takes from the permissions of what it makes. Processes may
/// share one.
pub struct Location(IrqLock<Standing>);

#[derive(Clone)]
struct Standing {
    directory: Node,
    mask: u32,
}

impl Location {
    /// In that directory.
    pub fn new(directory: Node) -> Arc<Location> {
        Arc::new(Location(IrqLock::new(Standing { directory, mask: 0o022 })))
    }

    /// One of its own for another process.
    pub fn fork(&self) -> Arc<Location> {
        Arc::new(Location(IrqLock::new(self.0.lock().clone())))
    }

    /// The working directory.
    pub fn directory(&self) -> Node {
        self.0.lock().directory.clone()
    }

    /// Goes elsewhere.
    pub fn enter(&self, directory: Node) {
        let before = mem::replace(&mut self.0.lock().directory, directory);
        drop(before);
    }

    /// What is taken from the permissions of what is made.
    pub fn mask(&self) -> u32 {
        self.0.lock().mask
    }

    /// Takes something else from them; what it was.
    pub fn set_mask(&self, mask: u32) -> u32 {
        mem::replace(&mut self.0.lock().mask, mask & 0o777)
    }
}
