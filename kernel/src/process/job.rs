//! Job control of one process: stopped by a signal, going on after another, and what its parent has been told of that.

use core::sync::atomic::{AtomicU32, Ordering};

use vestibule::Process as ProcessContext;

use super::{Process, Status};
use crate::lock::IrqLock;
use crate::reference::Cpu;
use crate::signals::{self, Info, Origin, Signal};
use crate::task::Task;
use crate::wait::WaitQueue;

/// Whether a process is stopped.
pub struct Job {
    /// The signal that stopped it, or zero.
    stopped_by: AtomicU32,
    /// What a parent that waits has not been told yet.
    news: IrqLock<Option<Status>>,
    changed: WaitQueue,
}

impl Job {
    /// It runs.
    pub const fn new() -> Job {
        Job { stopped_by: AtomicU32::new(0), news: IrqLock::new(None), changed: WaitQueue::new() }
    }

    /// Its tasks stop on their way to user mode.
    pub fn is_stopped(&self) -> bool {
        self.stopped_by.load(Ordering::Acquire) != 0
    }

    /// What the parent has not been told, of these two kinds; told with that, unless it only looks.
    pub fn take_news(&self, stopped: bool, continued: bool, only_look: bool) -> Option<Status> {
        let mut news = self.news.lock();
        let wanted = (*news).filter(|status| if *status == Status::CONTINUED { continued } else { stopped });
        if wanted.is_some() && !only_look {
            *news = None;
        }
        wanted
    }
}

impl Process {
    /// A signal stops it.
    pub fn stop(&self, signal: Signal) {
        if self.job.stopped_by.swap(signal.number(), Ordering::AcqRel) == 0 {
            self.tell(Status::stopped(signal));
            // The others hear of it on their way to user mode.
            self.tasks().for_each(|task| signals::notify(&task));
        }
    }

    /// It goes on, if it was stopped.
    pub fn go_on(&self) {
        if self.job.stopped_by.swap(0, Ordering::AcqRel) != 0 {
            self.tell(Status::CONTINUED);
            self.job.changed.wake_all();
        }
    }

    /// The current task, one of these, sleeps until the process goes on, or ends.
    pub fn stay_stopped(&self, cpu: &mut Cpu<ProcessContext>) {
        let task = Task::current_shared(cpu);
        self.job.changed.wait_until(cpu, || !self.job.is_stopped() || self.is_ending_task(&task));
    }

    /// Its stopped tasks are to end.
    pub(super) fn release_stopped(&self) {
        self.job.changed.wake_all();
    }

    fn tell(&self, status: Status) {
        *self.job.news.lock() = Some(status);
        let Some(parent) = self.parent() else { return };
        if !parent.actions.lock().get(Signal::SIGCHLD).has(linux_raw_sys::general::SA_NOCLDSTOP) {
            let (code, status) = status.for_parent();
            let origin = Origin::Child { process: self.id(), status, times: [0; 2] };
            signals::send(&parent, Info { signal: Signal::SIGCHLD, code, origin });
        }
        parent.children_changed.wake_all();
    }
}
