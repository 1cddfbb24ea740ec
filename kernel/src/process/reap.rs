//! Waiting for children: which there are, and what is new about them.

use alloc::sync::Arc;
use core::cell::Cell;

use vestibule::Process as ProcessContext;

use super::{Process, Status};
use crate::errno::{Errno, Result};
use crate::reference::Cpu;
use crate::task::Task;

/// Which children.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// Any.
    Any,
    /// The one of that number.
    One(u32),
    /// Those of that process group.
    OfGroup(u32),
}

/// What of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// That one has ended.
    pub ended: bool,
    /// That one was stopped.
    pub stopped: bool,
    /// That one went on.
    pub continued: bool,
    /// And nobody takes notice of it.
    pub only_look: bool,
    /// Nobody sleeps.
    pub at_once: bool,
}

/// What is new.
#[derive(Clone)]
pub struct News {
    /// The number of it, or of its task that a tracer is told about.
    pub id: u32,
    /// About whom.
    pub child: Arc<Process>,
    /// What.
    pub status: Status,
    /// It is a tracer that is told.
    pub is_traced: bool,
}

impl Process {
    /// Sleeps until there is something new; nothing, if nobody is to sleep and nothing is.
    pub fn wait_for_child(
        self: &Arc<Self>,
        cpu: &mut Cpu<ProcessContext>,
        which: Which,
        wanted: Wanted,
    ) -> Result<Option<News>> {
        let found = Cell::new(Ok(None));
        let look = || {
            let news = self.look_for_news(which, wanted);
            let is_done = !matches!(news, Ok(None));
            found.set(news);
            is_done
        };
        if wanted.at_once {
            look();
        } else {
            self.children_changed.wait_interruptibly(cpu, look)?;
        }
        found.into_inner()
    }

    fn look_for_news(&self, which: Which, wanted: Wanted) -> Result<Option<News>> {
        let mut any = false;
        let tracees = self.tracees.lock();
        for task in tracees.iter().filter(|task| which.has_task(task)) {
            any = true;
            if let (Some(child), Some(status)) = (task.process().cloned(), task.traced.take_news(wanted.only_look)) {
                return Ok(Some(News { id: task.id(), child, status, is_traced: true }));
            }
        }
        drop(tracees);
        loop {
            let family = self.family.lock();
            let mut children = family.children.iter().filter(|child| which.has(child)).peekable();
            any |= children.peek().is_some();
            let look = Wanted { only_look: true, ..wanted };
            let Some(child) = children.find(|child| self.news_of(child, look).is_some()).cloned() else { break };
            drop(family);
            // If another task has it by now, there may be more.
            if let Some(status) = self.news_of(&child, wanted) {
                return Ok(Some(News { id: child.id(), child, status, is_traced: false }));
            }
        }
        if any { Ok(None) } else { Err(Errno::ECHILD) }
    }

    fn news_of(&self, child: &Arc<Process>, wanted: Wanted) -> Option<Status> {
        match child.how_it_ended() {
            // Of two tasks that find it, one is told.
            Some(status) => (wanted.ended && (wanted.only_look || self.bury(child))).then_some(status),
            None => child.job.take_news(wanted.stopped, wanted.continued, wanted.only_look),
        }
    }
}

impl Which {
    fn has_task(self, task: &Task) -> bool {
        match self {
            Which::One(id) => task.id() == id,
            _ => task.process().is_some_and(|process| self.has(process)),
        }
    }

    fn has(self, child: &Process) -> bool {
        match self {
            Which::Any => true,
            Which::One(id) => child.id() == id,
            Which::OfGroup(group) => child.group() == group,
        }
    }
}
