//! The clock and sleeping.

use linux_raw_sys::general as linux;

use super::{Call, Errno, Result};
use crate::reference::Cpu;
use crate::user_copy::{read_user, write_user};
use crate::{sleep, timer};

const SECOND: u64 = 1_000_000_000;

/// Reads a `timespec` in nanoseconds.
pub(super) fn read_time(from: usize) -> core::result::Result<u64, Errno> {
    let [seconds, nanoseconds] = read_user::<[i64; 2]>(from)?;
    match (u64::try_from(seconds), u64::try_from(nanoseconds)) {
        (Ok(seconds), Ok(nanoseconds)) if nanoseconds < SECOND => {
            Ok(seconds.saturating_mul(SECOND).saturating_add(nanoseconds))
        }
        _ => Err(Errno::EINVAL),
    }
}

pub(super) fn nanosleep(call: &mut Call) -> Result {
    let time = read_time(call.argument(0))?;
    sleep_until(call, timer::nanoseconds().saturating_add(time))
}

pub(super) fn clock_nanosleep(call: &mut Call) -> Result {
    known_clock(call.argument(0))?;
    let (flags, time) = (call.argument(1) as u32, read_time(call.argument(2))?);
    let due = if flags & linux::TIMER_ABSTIME != 0 { time } else { timer::nanoseconds().saturating_add(time) };
    sleep_until(call, due)
}

fn sleep_until(call: &mut Call, due: u64) -> Result {
    let (cpu, process): (&mut Cpu<_>, _) = (call.cpu, call.process);
    if sleep::until(cpu, due, || process.is_ending()) { Ok(0) } else { Err(Errno::EINTR) }
}

pub(super) fn clock_gettime(call: &mut Call) -> Result {
    known_clock(call.argument(0))?;
    let now = timer::nanoseconds();
    write_user(call.argument(1), &[now / SECOND, now % SECOND])?;
    Ok(0)
}

/// Real time starts with the machine here.
fn known_clock(clock: usize) -> core::result::Result<(), Errno> {
    match u32::try_from(clock) {
        Ok(linux::CLOCK_REALTIME | linux::CLOCK_MONOTONIC) => Ok(()),
        _ => Err(Errno::EINVAL),
    }
}
