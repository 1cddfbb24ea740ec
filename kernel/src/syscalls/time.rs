//! Clocks, sleeping, and how long tasks have run.

use linux_raw_sys::general as linux;

use super::{Call, futex};
use crate::clocks::{self, Clock, SECOND};
use crate::cpu_time::{self, Usage};
use crate::errno::{Errno, Result};
use crate::restart::Restart;
use crate::task::Task;
use crate::user_copy::{Fault, read_user, write_user};
use crate::{sleep, timer};

/// Reads a `timespec` in nanoseconds.
pub(super) fn read_time(from: usize) -> Result<u64> {
    read_in_parts(from, SECOND)
}

/// Reads a `timeval` in nanoseconds.
pub(super) fn read_time_of_day(from: usize) -> Result<u64> {
    read_in_parts(from, MICROSECONDS)
}

const MICROSECONDS: u64 = 1_000_000;

/// Seconds, and so many parts of one.
fn read_in_parts(from: usize, parts: u64) -> Result<u64> {
    in_parts(read_user(from)?, parts)
}

/// Seconds, and so many parts of one, in nanoseconds.
pub(super) fn in_parts([seconds, rest]: [i64; 2], parts: u64) -> Result<u64> {
    match (u64::try_from(seconds), u64::try_from(rest)) {
        (Ok(seconds), Ok(rest)) if rest < parts => {
            Ok(seconds.saturating_mul(SECOND).saturating_add(rest * (SECOND / parts)))
        }
        _ => Err(Errno::EINVAL),
    }
}

/// As a `timespec`.
pub(super) fn to_time(nanoseconds: u64) -> [u64; 2] {
    [nanoseconds / SECOND, nanoseconds % SECOND]
}

/// As a `timeval`.
pub(super) fn to_time_of_day(nanoseconds: u64) -> [u64; 2] {
    [nanoseconds / SECOND, nanoseconds % SECOND / 1000]
}

pub(super) fn clock_gettime(call: &mut Call) -> Result {
    let clock = clock(call)?;
    let now = clock.now(call.cpu);
    write_user(call.argument(1), &to_time(now))?;
    Ok(0)
}

pub(super) fn clock_getres(call: &mut Call) -> Result {
    clock(call)?;
    let to = call.argument(1);
    if to != 0 {
        write_user(to, &to_time(clocks::resolution(call.argument(0) as u32)))?;
    }
    Ok(0)
}

pub(super) fn clock_settime(call: &mut Call) -> Result {
    let (clock, time) = (clock(call)?, read_time(call.argument(1))?);
    match clock {
        Clock::Real if call.argument(0) as u32 == linux::CLOCK_REALTIME => {
            clocks::set_real(time);
            Ok(0)
        }
        Clock::Process(_) | Clock::Task(_) => Err(Errno::EPERM),
        _ => Err(Errno::EINVAL),
    }
}

fn clock(call: &Call) -> Result<Clock> {
    Clock::of(call.argument(0) as u32, call.cpu).ok_or(Errno::EINVAL)
}

/// The time zone is that of Greenwich.
pub(super) fn gettimeofday(call: &mut Call) -> Result {
    let (to, zone_to) = (call.argument(0), call.argument(1));
    if to != 0 {
        write_user(to, &to_time_of_day(clocks::real()))?;
    }
    if zone_to != 0 {
        write_user(zone_to, &[0_i32; 2])?;
    }
    Ok(0)
}

pub(super) fn settimeofday(call: &mut Call) -> Result {
    let from = call.argument(0);
    if from != 0 {
        clocks::set_real(read_time_of_day(from)?);
    }
    Ok(0)
}

pub(super) fn nanosleep(call: &mut Call) -> Result {
    let due = timer::nanoseconds().saturating_add(read_time(call.argument(0))?);
    sleep_until(call, due, call.argument(1))
}

pub(super) fn clock_nanosleep(call: &mut Call) -> Result {
    let clock = clock(call)?;
    let (flags, time, left_to) = (call.argument(1) as u32, read_time(call.argument(2))?, call.argument(3));
    if matches!(call.argument(0) as u32, linux::CLOCK_MONOTONIC_RAW | linux::CLOCK_MONOTONIC_COARSE) {
        return Err(Errno::EOPNOTSUPP);
    }
    match clock {
        Clock::Process(_) | Clock::Task(_) => Err(Errno::EOPNOTSUPP),
        Clock::Real if flags & linux::TIMER_ABSTIME != 0 => {
            clocks::sleep_until_real(call.cpu, time).map(|()| 0).map_err(|_| Errno::ERESTARTNOHAND)
        }
        _ if flags & linux::TIMER_ABSTIME != 0 => {
            sleep::interruptibly(call.cpu, time).map(|()| 0).map_err(|_| Errno::ERESTARTNOHAND)
        }
        // How long does not depend on what anybody sets a clock to.
        _ => sleep_until(call, timer::nanoseconds().saturating_add(time), left_to),
    }
}

fn sleep_until(call: &mut Call, due: u64, left_to: usize) -> Result {
    if sleep::interruptibly(call.cpu, due).is_ok() {
        return Ok(0);
    }
    if left_to != 0 {
        write_user(left_to, &to_time(due.saturating_sub(timer::nanoseconds())))?;
    }
    *Task::current(call.cpu).restart.lock() = Some(Restart::Sleep { due, left_to });
    Err(Errno::ERESTART_RESTARTBLOCK)
}

/// Goes on with a call that was interrupted.
pub(super) fn restart(call: &mut Call) -> Result {
    let restart = Task::current(call.cpu).restart.lock().take();
    match restart {
        Some(Restart::Sleep { due, left_to }) => sleep_until(call, due, left_to),
        Some(Restart::Futex(wait)) => futex::wait_again(call, wait),
        None => Err(Errno::EINTR),
    }
}

/// In clock ticks, of the process and of its children.
pub(super) fn times(call: &mut Call) -> Result {
    cpu_time::charge(call.cpu);
    let (own, children) = (call.process.usage(), call.process.children_usage());
    let times = [own.user(), own.system(), children.user(), children.system()];
    let to = call.argument(0);
    if to != 0 {
        write_user(to, &times.map(cpu_time::clock_ticks))?;
    }
    Ok(cpu_time::clock_ticks(timer::nanoseconds()) as usize)
}

pub(super) fn getrusage(call: &mut Call) -> Result {
    const THREAD: i32 = linux::RUSAGE_THREAD as i32;
    cpu_time::charge(call.cpu);
    let usage = match call.argument(0) as i32 {
        0 => call.process.usage(),
        linux::RUSAGE_CHILDREN => call.process.children_usage(),
        THREAD => Task::current(call.cpu).cpu_time.usage(),
        _ => return Err(Errno::EINVAL),
    };
    write_usage(call.argument(1), &usage)?;
    Ok(0)
}

/// Writes a `rusage`.
pub(super) fn write_usage(to: usize, usage: &Usage) -> core::result::Result<(), Fault> {
    const FAULTS: usize = 6;
    const VOLUNTARY: usize = 16;
    const INVOLUNTARY: usize = 17;
    let mut words = [0; 18];
    words[..2].copy_from_slice(&to_time_of_day(usage.user()));
    words[2..4].copy_from_slice(&to_time_of_day(usage.system()));
    words[FAULTS] = usage.faults;
    words[VOLUNTARY] = usage.voluntary_switches;
    words[INVOLUNTARY] = usage.involuntary_switches;
    write_user(to, &words)
}
