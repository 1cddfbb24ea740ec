//! A new process from one that runs: `fork`, `vfork`, and what of `clone` makes a process.

use alloc::sync::Arc;

use vestibule::Process as ProcessContext;
use vestibule_arm64::Frame;

use super::{Memory, Process};
use crate::errno::{Errno, Result};
use crate::processes;
use crate::reference::Cpu;
use crate::signals::Signal;
use crate::task::{Start, Task};

/// What a child is to be like, besides a copy.
#[derive(Clone, Copy, Default)]
pub struct Wish {
    /// It runs in its parent's memory.
    pub shares_memory: bool,
    /// Its open files are its parent's.
    pub shares_files: bool,
    /// So are its working directory and its file mode mask.
    pub shares_place: bool,
    /// It has its parent's parent.
    pub is_sibling: bool,
    /// What its parent is sent when it ends.
    pub exit_signal: Option<Signal>,
    /// Nobody waits for it before it has memory of its own.
    pub lends_memory: bool,
}

impl Process {
    /// A child with one task, which goes to user mode as `frame` says. It does not run yet.
    pub fn fork(self: &Arc<Self>, cpu: &mut Cpu<ProcessContext>, wish: Wish, frame: Frame) -> Result<Arc<Task>> {
        let memory = self.memory().ok_or(Errno::ESRCH)?;
        let memory = if wish.shares_memory { memory } else { Memory::new(memory.lock(cpu).fork()?) };
        let parent = if wish.is_sibling { self.parent().unwrap_or_else(|| self.clone()) } else { self.clone() };
        let id = processes::take_number();
        let child = self.copy(id, &parent, memory, wish);
        let task = child.begin(&parent, frame).inspect_err(|_| child.files.leave())?;
        processes::add(&child);
        Ok(task)
    }

    /// Its first task.
    fn begin(self: &Arc<Self>, parent: &Process, frame: Frame) -> Result<Arc<Task>> {
        let task = Task::new(self.id(), Some(self.clone()), Start::User(frame))?;
        self.join_family(parent)?;
        // Its parent may have ended meanwhile.
        let bury = |_: &_| _ = self.parent().is_some_and(|parent| parent.bury(self));
        self.add(&task).inspect_err(bury)?;
        Ok(task)
    }

    /// Sleeps until `child` runs in memory of its own, or has ended: it has had the caller's.
    pub fn wait_for_memory(&self, cpu: &mut Cpu<ProcessContext>, child: &Process) {
        child.memory_returned.wait_until(cpu, || child.has_returned_memory() || self.is_ending());
    }
}
