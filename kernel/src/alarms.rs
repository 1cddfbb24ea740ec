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

/// How long an alarm waits at least before it looks whether its last signal waits still. It goes on as soon as that is taken;
/// but nobody may ever take it: it may be ignored, forgotten, or one with another that waited already.
const LATER: u64 = 20_000_000;

/// What is set, in nanoseconds: when by the counter's clock, zero for never, and how much later again, zero for not.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Setting {
    /// When it expires.
    pub due: u64,
    /// How much later again.
    pub interval: u64,
}

impl Setting {
    /// It has expired by `time`, and what comes then comes again.
    fn is_behind(self, time: u64) -> bool {
        self.due != 0 && self.due <= time && self.interval != 0
    }

    /// How often it expires after `due` by `time`, and what is set then.
    fn after(self, time: u64) -> (u64, Setting) {
        if !self.is_behind(time) {
            return (0, self);
        }
        let passed = (time - self.due) / self.interval;
        let due = self.due.saturating_add(self.interval.saturating_mul(passed + 1));
        (passed, Setting { due, ..self })
    }
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
    /// It expired when it says, if that is over: its signal has not been taken yet.
    setting: Setting,
    timer: Option<Timer>,
    /// How often it expired beyond the last signal that was taken.
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
        let before = self.shown(state.setting);
        state.cancel();
        state.overrun = 0;
        state.setting = setting;
        if setting.due != 0 && !matches!(self.hears, Hears::Nobody) {
            state.timer = Some(timers::set(setting.due, self.clone()));
        }
        before
    }

    /// What is set now.
    pub fn get(&self) -> Setting {
        self.shown(self.state.lock().setting)
    }

    /// When it expires next, whether or not anybody has heard of the last time.
    fn shown(&self, setting: Setting) -> Setting {
        let now = timer::nanoseconds();
        match self.hears {
            Hears::Nobody if setting.due <= now && setting.interval == 0 => Setting::default(),
            _ => setting.after(now).1,
        }
    }

    /// The signal that it sent is taken: it goes on. How often it has expired besides.
    fn taken(self: &Arc<Self>) -> u64 {
        let mut state = self.state.lock();
        let now = timer::nanoseconds();
        state.overrun = 0;
        if state.setting.is_behind(now) {
            (state.overrun, state.setting) = state.setting.after(now + SHORTEST);
            state.cancel();
            state.timer = Some(timers::set(state.setting.due, self.clone()));
        }
        state.overrun
    }

    /// How often it expired beyond the last signal that was taken.
    pub fn overrun(&self) -> u64 {
        self.state.lock().overrun
    }

    /// The last signal that it sent has not been taken.
    fn waits(&self, process: &Process) -> bool {
        let Origin::Timer { id, .. } = self.info.origin else { return process.pending.set().has(self.info.signal) };
        match &self.hears {
            Hears::Nobody => false,
            Hears::Process => process.pending.has_of_timer(id),
            Hears::Task(task) => task.upgrade().is_some_and(|task| task.signals.pending.has_of_timer(id)),
        }
    }

    fn tell(&self, process: &Process) {
        let info = self.info.clone();
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
}

/// A task of `process` takes that signal. If an alarm sent it, that goes on, and it comes with how often it was too late.
#[inline(always)]
pub fn taken(process: &Process, info: &mut Info) {
    if matches!(info.origin, Origin::Timer { .. }) || info.signal == Signal::SIGALRM {
        go_on(process, info);
    }
}

#[cold]
fn go_on(process: &Process, info: &mut Info) {
    if let Origin::Timer { id, overrun, .. } = &mut info.origin {
        let timer = process.alarms.posix.find(*id as usize);
        *overrun = timer.map_or(0, |timer| timer.alarm.taken()).min(i32::MAX as u64) as u32;
    }
    // Whoever sent it, the alarm's own is one with it.
    if info.signal == Signal::SIGALRM {
        let alarm = process.alarms.real.lock().clone();
        _ = alarm.map(|alarm| alarm.taken());
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
        state.cancel();
        if state.setting.interval == 0 {
            state.setting.due = 0;
        } else {
            // Until then, whoever takes the signal has it go on: so many alarms as there may be leave a CPU time for that.
            let (_, later) = state.setting.after(now + LATER);
            state.timer = Some(timers::set(later.due, self.clone()));
        }
        // Locked still: whoever has set it anew, or taken it back, hears nothing more of what was set before.
        if !self.waits(&process) {
            self.tell(&process);
        }
    }
}
