//! Alarms: timers of processes that send signals, and may do so again and again. `setitimer` and `timer_settime` set them.

mod cpu;
mod posix;

use alloc::sync::{Arc, Weak};

pub use cpu::{CpuAlarm, CpuAlarms, check};
pub use posix::{PosixTimer, PosixTimers};

use crate::lock::IrqLock;
use crate::process::Process;
use crate::signals::{self, Info, Origin, Signal};
use crate::task::Task;
use crate::timer;
use crate::timers::{self, Expires, Timer};

/// The shortest time between two signals of one alarm. What an interval asks for more often is counted as overrun: user
/// mode must get to run between two interrupts.
const SHORTEST: u64 = 100_000;

/// What is set, in nanoseconds: when by the counter's clock, zero for never, and how much later again, zero for not.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Setting {
    /// When it expires.
    pub due: u64,
    /// How much later again.
    pub interval: u64,
}

/// Who hears of it.
pub enum Hears {
    /// Nobody; it can be asked.
    Nobody,
    /// Any task of the process.
    Process,
    /// One task of it.
    Task(Weak<Task>),
}

/// A process's.
pub struct Alarms {
    /// Of `setitimer`, by the counter's clock; made when it is set first.
    real: IrqLock<Option<Arc<Alarm>>>,
    /// Of `setitimer`, by CPU time.
    pub cpu: CpuAlarms,
    /// Of `timer_create`.
    pub posix: PosixTimers,
}

impl Alarms {
    /// None.
    pub const fn new() -> Alarms {
        Alarms { real: IrqLock::new(None), cpu: CpuAlarms::new(), posix: PosixTimers::new() }
    }

    /// The one that sends SIGALRM to its process.
    pub fn real(&self, process: &Arc<Process>) -> Arc<Alarm> {
        let new = || Alarm::new(process, Hears::Process, Info::kernel(Signal::SIGALRM));
        self.real.lock().get_or_insert_with(new).clone()
    }

    /// The process goes: nothing expires any more.
    pub fn clear(&self) {
        if let Some(alarm) = self.real.lock().take() {
            alarm.set(Setting::default());
        }
        self.posix.clear();
    }
}

/// An alarm.
pub struct Alarm {
    process: Weak<Process>,
    hears: Hears,
    info: Info,
    state: IrqLock<State>,
}

#[derive(Default)]
struct State {
    setting: Setting,
    timer: Option<Timer>,
    /// How often it expired beyond the last signal.
    overrun: u64,
}

impl Alarm {
    /// Not set.
    pub fn new(process: &Arc<Process>, hears: Hears, info: Info) -> Arc<Alarm> {
        Arc::new(Alarm { process: Arc::downgrade(process), hears, info, state: IrqLock::new(State::default()) })
    }

    /// Sets it, or takes it back if `due` is zero. What was set before.
    pub fn set(self: &Arc<Self>, setting: Setting) -> Setting {
        let mut state = self.state.lock();
        let before = state.setting;
        state.cancel();
        state.overrun = 0;
        state.setting = setting;
        if setting.due != 0 {
            state.timer = Some(timers::set(setting.due, self.clone()));
        }
        before
    }

    /// What is set now.
    pub fn get(&self) -> Setting {
        self.state.lock().setting
    }

    /// How often it expired beyond the last signal that was sent.
    pub fn overrun(&self) -> u64 {
        self.state.lock().overrun
    }

    /// The last signal that it sent as a POSIX timer has not been delivered.
    fn waits(&self, process: &Process) -> bool {
        let Origin::Timer { id, .. } = self.info.origin else { return false };
        match &self.hears {
            Hears::Nobody => false,
            Hears::Process => process.pending.has_of_timer(id),
            Hears::Task(task) => task.upgrade().is_some_and(|task| task.signals.pending.has_of_timer(id)),
        }
    }

    fn tell(&self, process: &Process, overrun: u64) {
        let overrun = overrun.min(i32::MAX as u64) as u32;
        let origin = match self.info.origin.clone() {
            Origin::Timer { id, value, .. } => Origin::Timer { id, overrun, value },
            other => other,
        };
        let info = Info { origin, ..self.info };
        match &self.hears {
            Hears::Nobody => {}
            Hears::Process => signals::send(process, info),
            Hears::Task(task) => {
                if let Some(task) = task.upgrade() {
                    signals::send_task(&task, info);
                }
            }
        }
    }
}

impl State {
    fn cancel(&mut self) {
        if let Some(timer) = self.timer.take() {
            timer.cancel();
        }
    }

    /// It is due. How many intervals have passed besides, when it is next.
    fn advance(&mut self, now: u64) -> u64 {
        let Setting { due, interval } = self.setting;
        if interval == 0 {
            self.setting.due = 0;
            return 0;
        }
        let missed = (now.max(due) - due) / interval;
        let next = due.saturating_add(interval.saturating_mul(missed + 1));
        let early = (now + SHORTEST).saturating_sub(next).div_ceil(interval);
        self.setting.due = next.saturating_add(early.saturating_mul(interval));
        missed + early
    }
}

impl Expires for Alarm {
    fn expire(self: Arc<Self>) {
        let Some(process) = self.process.upgrade().filter(|process| !process.is_ending()) else { return };
        let mut state = self.state.lock();
        let now = timer::nanoseconds();
        // Set anew while this was on its way.
        if state.setting.due == 0 || state.setting.due > now {
            return;
        }
        let missed = state.advance(now);
        let waits = self.waits(&process);
        state.overrun = if waits { state.overrun + missed + 1 } else { missed };
        state.timer = (state.setting.due != 0).then(|| timers::set(state.setting.due, self.clone()));
        // Locked still: whoever has set it anew, or taken it back, hears nothing more of what was set before.
        if !waits {
            self.tell(&process, missed);
        }
    }
}
