//! Timers that send signals: `setitimer`, and those of `timer_create`.

use linux_raw_sys::general as linux;

use alloc::sync::Arc;

use super::Call;
use super::time::{in_parts, to_time, to_time_of_day};
use crate::alarms::{Alarm, CpuAlarm, Hears, PosixTimer, Setting};
use crate::clocks::{self, Clock, SECOND};
use crate::errno::{Errno, Result};
use crate::signals::{Info, Origin, SI_TIMER, Signal};
use crate::user_copy::{read_user, write_user};
use crate::{cpu_time, timer};

/// How long until it expires and how much later again, in nanoseconds, as user mode sets and sees it.
#[derive(Clone, Copy)]
struct Relative {
    left: u64,
    interval: u64,
}

impl Relative {
    /// Of an `itimerval` or an `itimerspec`: the interval comes first.
    fn read(from: usize, parts: u64) -> Result<Relative> {
        let [interval_seconds, interval_rest, seconds, rest] = read_user(from)?;
        let interval = in_parts([interval_seconds, interval_rest], parts)?;
        Ok(Relative { left: in_parts([seconds, rest], parts)?, interval })
    }

    /// With times of two words.
    fn write(self, to: usize, time: fn(u64) -> [u64; 2]) -> Result<()> {
        let ([interval, interval_rest], [left, rest]) = (time(self.interval), time(self.left));
        Ok(write_user(to, &[interval, interval_rest, left, rest])?)
    }

    /// What is left of a setting now. What is set and late shows as a little time, because none would mean never.
    fn of(setting: Setting, now: u64) -> Relative {
        const LITTLE: u64 = 1000;
        let left = if setting.due == 0 { 0 } else { setting.due.saturating_sub(now).max(LITTLE) };
        Relative { left, interval: setting.interval }
    }

    fn to_setting(self, now: u64) -> Setting {
        let due = if self.left == 0 { 0 } else { now.saturating_add(self.left) };
        Setting { due, interval: self.interval }
    }
}

pub(super) fn getitimer(call: &mut Call) -> Result {
    let now = Now::of(call)?;
    let setting = match now.by {
        None => call.process.alarms.real(call.process).get(),
        Some(by) => call.process.alarms.cpu.get(by),
    };
    Relative::of(setting, now.time).write(call.argument(1), to_time_of_day)?;
    Ok(0)
}

pub(super) fn setitimer(call: &mut Call) -> Result {
    const MICROSECONDS: u64 = 1_000_000;
    let (from, old_to) = (call.argument(1), call.argument(2));
    let now = Now::of(call)?;
    let new = if from == 0 { Relative { left: 0, interval: 0 } } else { Relative::read(from, MICROSECONDS)? };
    let new = new.to_setting(now.time);
    let old = match now.by {
        None => call.process.alarms.real(call.process).set(new),
        Some(by) => call.process.alarms.cpu.set(by, new),
    };
    if old_to != 0 {
        Relative::of(old, now.time).write(old_to, to_time_of_day)?;
    }
    Ok(0)
}

/// What an interval timer goes by, and what that shows.
struct Now {
    /// None for the counter's clock.
    by: Option<CpuAlarm>,
    time: u64,
}

impl Now {
    fn of(call: &mut Call) -> Result<Now> {
        let by = match call.argument(0) as u32 {
            linux::ITIMER_REAL => None,
            linux::ITIMER_VIRTUAL => Some(CpuAlarm::User),
            linux::ITIMER_PROF => Some(CpuAlarm::All),
            _ => return Err(Errno::EINVAL),
        };
        cpu_time::charge(call.cpu);
        let time = by.map_or_else(timer::nanoseconds, |by| by.now(&call.process.usage()));
        Ok(Now { by, time })
    }
}

pub(super) fn create(call: &mut Call) -> Result {
    let (event, id_to) = (call.argument(1), call.argument(2));
    let real = match Clock::of(call.argument(0) as u32, call.cpu).ok_or(Errno::EINVAL)? {
        Clock::Real => true,
        Clock::Monotonic => false,
        Clock::Process(_) | Clock::Task(_) => return Err(Errno::EOPNOTSUPP),
    };
    let event = if event == 0 { None } else { Some(Event::read(call, event)?) };
    let make = |id| {
        let (hears, signal, value) = match event {
            None => (Hears::Process, Signal::SIGALRM, u64::from(id)),
            Some(event) => (event.hears, event.signal, event.value),
        };
        let info = Info { signal, code: SI_TIMER, origin: Origin::Timer { id, overrun: 0, value } };
        PosixTimer { real, alarm: Alarm::new(call.process, hears, info) }
    };
    let id = call.process.alarms.posix.add(make).ok_or(Errno::EAGAIN)?;
    if write_user(id_to, &id).is_err() {
        call.process.alarms.posix.remove(id as usize);
        return Err(Errno::EFAULT);
    }
    Ok(0)
}

/// What `timer_create` is told of who hears of it.
struct Event {
    hears: Hears,
    signal: Signal,
    value: u64,
}

impl Event {
    /// A `sigevent`: value, signal, how, and which task.
    fn read(call: &Call, from: usize) -> Result<Event> {
        let value = read_user::<u64>(from)?;
        let [signal, how, task] = read_user::<[u32; 3]>(from.wrapping_add(8))?;
        let hears = match how {
            linux::SIGEV_NONE => return Ok(Event { hears: Hears::Nobody, signal: Signal::SIGALRM, value }),
            linux::SIGEV_SIGNAL => Hears::Process,
            _ if how == linux::SIGEV_SIGNAL | linux::SIGEV_THREAD_ID => {
                let task = call.process.task(task).ok_or(Errno::EINVAL)?;
                Hears::Task(Arc::downgrade(&task))
            }
            _ => return Err(Errno::EINVAL),
        };
        Ok(Event { hears, signal: Signal::new(signal).ok_or(Errno::EINVAL)?, value })
    }
}

fn find(call: &Call) -> Result<PosixTimer> {
    call.process.alarms.posix.find(call.argument(0) as u32 as usize).ok_or(Errno::EINVAL)
}

pub(super) fn settime(call: &mut Call) -> Result {
    let (flags, from, old_to) = (call.argument(1) as u32, call.argument(2), call.argument(3));
    let (timer, new) = (find(call)?, Relative::read(from, SECOND)?);
    let now = timer::nanoseconds();
    let mut setting = new.to_setting(now);
    if flags & linux::TIMER_ABSTIME != 0 && new.left != 0 {
        setting.due = if timer.real { clocks::when_real(new.left) } else { new.left };
    }
    let old = timer.alarm.set(setting);
    if old_to != 0 {
        Relative::of(old, now).write(old_to, to_time)?;
    }
    Ok(0)
}

pub(super) fn gettime(call: &mut Call) -> Result {
    let setting = find(call)?.alarm.get();
    Relative::of(setting, timer::nanoseconds()).write(call.argument(1), to_time)?;
    Ok(0)
}

pub(super) fn getoverrun(call: &mut Call) -> Result {
    Ok(find(call)?.alarm.overrun().min(i32::MAX as u64) as usize)
}

pub(super) fn delete(call: &mut Call) -> Result {
    let timer = call.process.alarms.posix.remove(call.argument(0) as u32 as usize).ok_or(Errno::EINVAL)?;
    timer.alarm.set(Setting::default());
    Ok(0)
}
