//! What a process and its children have used of the CPUs.

use super::Process;
use crate::cpu_time::Usage;
use crate::lock::IrqLock;
use crate::task::Task;

/// What is not some task's any more.
#[derive(Default)]
pub struct Past {
    own: Usage,
    children: Usage,
}

impl Process {
    /// What its tasks have used, those that have ended among them.
    pub fn usage(&self) -> Usage {
        // Under the lock, a task is either in the list or counted.
        let tasks = self.tasks.lock();
        let mut usage = self.past.lock().own;
        tasks.iter().for_each(|task| usage += task.cpu_time.usage());
        usage
    }

    /// What its children have used that ended and were waited for, and what theirs had.
    pub fn children_usage(&self) -> Usage {
        self.past.lock().children
    }

    /// Its own, and that of its children.
    pub fn all_usage(&self) -> Usage {
        let mut usage = self.usage();
        usage += self.children_usage();
        usage
    }

    /// A task is no part of it any more.
    pub(super) fn forget(&self, task: &Task) {
        let mut tasks = self.tasks.lock();
        tasks.retain(|other| other.id() != task.id());
        self.past.lock().own += task.cpu_time.usage();
    }

    /// A child has been waited for.
    pub(super) fn inherit_usage(&self, child: &Process) {
        let usage = child.all_usage();
        self.past.lock().children += usage;
    }
}

impl Past {
    /// Nothing.
    pub fn none() -> IrqLock<Past> {
        IrqLock::new(Past::default())
    }
}
