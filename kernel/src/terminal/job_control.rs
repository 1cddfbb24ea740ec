//! Whose terminal it is: the session that has it, and the process group in the foreground that may read from it.

use core::sync::atomic::Ordering;

use vestibule::Process as ProcessContext;

use super::Terminal;
use crate::errno::{Errno, Result};
use crate::process::Process;
use crate::processes;
use crate::reference::Cpu;
use crate::signals::{self, Info, Signal};
use crate::task::Task;

/// No session, no group.
const NOBODY: u32 = 0;

impl Terminal {
    /// The process group in the foreground, or zero.
    pub fn foreground(&self) -> u32 {
        self.foreground.load(Ordering::Acquire)
    }

    /// Is it the controlling terminal of `process`?
    pub fn controls(&self, process: &Process) -> bool {
        self.session.load(Ordering::Acquire) == process.session()
    }

    /// Is it the current task's, and a terminal at all?
    pub fn controls_current(&self, cpu: &Cpu<ProcessContext>) -> bool {
        let process = Task::current(cpu).process();
        !self.plain.load(Ordering::Relaxed) && process.is_some_and(|process| self.controls(process))
    }

    /// The session of `process`, if it is its controlling terminal.
    pub fn session_of(&self, process: &Process) -> Result<u32> {
        if self.controls(process) { Ok(process.session()) } else { Err(Errno::ENOTTY) }
    }

    /// May the current process go on with what only the foreground may do? If not, its group gets `signal`, which stops
    /// it, and the call is made again when it goes on.
    pub fn check_foreground(&self, cpu: &Cpu<ProcessContext>, signal: Signal) -> Result<()> {
        let task = Task::current(cpu);
        let Some(process) = task.process() else { return Ok(()) };
        let (foreground, group) = (self.foreground(), process.group());
        if !self.controls(process) || foreground == NOBODY || foreground == group {
            return Ok(());
        }
        let unwanted = task.signals.blocked().has(signal) || process.actions.lock().ignore(signal);
        match (signal, unwanted) {
            (Signal::SIGTTIN, true) => Err(Errno::EIO),
            (_, true) => Ok(()),
            _ if processes::is_orphaned(group) => Err(Errno::EIO),
            _ => {
                signals::send_group(group, Info::kernel(signal));
                Err(Errno::ERESTARTSYS)
            }
        }
    }

    /// Becomes the controlling terminal of the session that `process` leads. Taken from another only by `force`.
    pub fn take(&self, process: &Process, force: bool) -> Result<()> {
        let session = process.session();
        if self.controls(process) {
            return Ok(());
        }
        let others = self.session.load(Ordering::Acquire) != NOBODY;
        if process.id() != session || (others && !force) {
            return Err(Errno::EPERM);
        }
        self.session.store(session, Ordering::Release);
        self.foreground.store(process.group(), Ordering::Release);
        Ok(())
    }

    /// Puts `group`, which must be of the session of `process`, into the foreground.
    pub fn set_foreground(&self, process: &Process, group: i32) -> Result<()> {
        let group = u32::try_from(group).map_err(|_| Errno::EINVAL)?;
        let member = processes::of_group(group).next().ok_or(Errno::ESRCH)?;
        if member.session() != process.session() {
            return Err(Errno::EPERM);
        }
        self.foreground.store(group, Ordering::Release);
        Ok(())
    }

    /// The leader of a session has ended, or gives its terminal up: whoever is in the foreground is told.
    pub fn leave_session(&self, session: u32) {
        if self.session.compare_exchange(session, NOBODY, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return;
        }
        let foreground = self.foreground.swap(NOBODY, Ordering::AcqRel);
        for signal in [Signal::SIGHUP, Signal::SIGCONT] {
            signals::send_group(foreground, Info::kernel(signal));
        }
    }
}
