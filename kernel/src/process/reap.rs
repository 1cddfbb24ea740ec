//! Waiting for children: which there are, and what is new about them.

use alloc::sync::Arc;
use core::cell::Cell;

use vestibule::Process as ProcessContext;

use super::{Process, Status};
use crate::errno::{Errno, Result};
use crate::reference::Cpu;

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
    /// About whom.
    pub child: Arc<Process>,
    /// What.
    pub status: Status,
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
        for child in self.children().into_iter().filter(|child| which.has(child)) {
            any = true;
            if let Some(status) = self.news_of(&child, wanted) {
                return Ok(Some(News { child, status }));
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
    fn has(self, child: &Process) -> bool {
        match self {
            Which::Any => true,
            Which::One(id) => child.id() == id,
            Which::OfGroup(group) => child.group() == group,
        }
    }
}
