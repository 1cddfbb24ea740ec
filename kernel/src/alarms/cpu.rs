//! Alarms by CPU time: the tick has a task look on its way to user mode, if its process has one set.

use core::sync::atomic::{AtomicBool, Ordering};

use vestibule::Process as ProcessContext;

use super::Setting;
use crate::cpu_time::{self, Usage};
use crate::lock::IrqLock;
use crate::reference::Cpu;
use crate::signals::{self, Info, Signal};
use crate::task::Task;

/// What time it goes by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CpuAlarm {
    /// That in user mode: SIGVTALRM.
    User,
    /// All: SIGPROF.
    All,
}

/// A process's.
pub struct CpuAlarms {
    /// In nanoseconds of the process's CPU time.
    settings: IrqLock<[Setting; 2]>,
    any: AtomicBool,
}

impl CpuAlarm {
    const EACH: [CpuAlarm; 2] = [CpuAlarm::User, CpuAlarm::All];

    /// What it goes by.
    pub fn now(self, usage: &Usage) -> u64 {
        match self {
            CpuAlarm::User => usage.user(),
            CpuAlarm::All => usage.nanoseconds,
        }
    }

    fn signal(self) -> Signal {
        match self {
            CpuAlarm::User => Signal::SIGVTALRM,
            CpuAlarm::All => Signal::SIGPROF,
        }
    }
}

impl CpuAlarms {
    /// None set.
    pub const fn new() -> CpuAlarms {
        const NONE: Setting = Setting { due: 0, interval: 0 };
        CpuAlarms { settings: IrqLock::new([NONE; 2]), any: AtomicBool::new(false) }
    }

    /// Is one set?
    #[inline(always)]
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// What is set.
    pub fn get(&self, which: CpuAlarm) -> Setting {
        self.settings.lock()[which as usize]
    }

    /// Sets one; what was set before.
    pub fn set(&self, which: CpuAlarm, setting: Setting) -> Setting {
        let mut settings = self.settings.lock();
        let before = core::mem::replace(&mut settings[which as usize], setting);
        self.any.store(settings.iter().any(|setting| setting.due != 0), Ordering::Relaxed);
        before
    }

    /// Takes note of it if one is due, and sets it anew if it is to come again.
    fn expires(&self, which: CpuAlarm, usage: &Usage) -> bool {
        let Setting { due, interval } = self.get(which);
        let expires = due != 0 && which.now(usage) >= due;
        if expires {
            let next = if interval == 0 { 0 } else { due.saturating_add(interval).max(which.now(usage)) };
            self.set(which, Setting { due: next, interval });
        }
        expires
    }
}

/// Sends what is due to the current task's process.
pub fn check(cpu: &mut Cpu<ProcessContext>) {
    cpu_time::charge(cpu);
    let Some(process) = Task::current(cpu).process() else { return };
    let usage = process.usage();
    for which in CpuAlarm::EACH {
        if process.alarms.cpu.expires(which, &usage) {
            signals::send(process, Info::kernel(which.signal()));
        }
    }
}
