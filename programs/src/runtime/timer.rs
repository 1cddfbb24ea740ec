//! Timers that send signals, and sleeping until a time.

use core::ptr::from_ref;
use core::time::Duration;

use super::syscall::{Result, abi, call, check, timespec};

/// Sets an interval timer: when it comes first, zero for never, and how much later again. What was left of it.
pub fn set_interval(which: u32, first: Duration, interval: Duration) -> Result<Duration> {
    let parts = |time: Duration| [time.as_secs(), u64::from(time.subsec_micros())];
    let (new, mut old) = ([parts(interval), parts(first)], [[0_u64; 2]; 2]);
    plain(abi::__NR_setitimer, [which as usize, from_ref(&new) as usize, &raw mut old as usize, 0])?;
    Ok(Duration::new(old[1][0], old[1][1] as u32 * 1000))
}

/// Sleeps until that clock shows `time`.
pub fn sleep_until(clock: u32, time: Duration) -> Result<usize> {
    let time = timespec(time);
    plain(abi::__NR_clock_nanosleep, [clock as usize, abi::TIMER_ABSTIME as usize, from_ref(&time) as usize, 0])
}

/// A timer of `timer_create`, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PosixTimer(pub u32);

impl PosixTimer {
    /// One that sends the process a signal with a value.
    pub fn new(signal: u32, value: u64) -> Result<Self> {
        Self::with(signal, abi::SIGEV_SIGNAL, value, 0)
    }

    /// One of which those are told whom `how` says; `thread` is which thread, if that is one.
    pub fn with(signal: u32, how: u32, value: u64, thread: usize) -> Result<Self> {
        // As `sigevent`: value, signal, how, thread.
        let mut event = [0_u64; 8];
        event[0] = value;
        event[1] = u64::from(signal) | u64::from(how) << 32;
        event[2] = thread as u64;
        let mut id = 0_u32;
        let places = [from_ref(&event) as usize, &raw mut id as usize];
        plain(abi::__NR_timer_create, [abi::CLOCK_MONOTONIC as usize, places[0], places[1], 0])?;
        Ok(Self(id))
    }

    /// Sets it: when it comes first, zero for never, and how much later again.
    pub fn set(self, first: Duration, interval: Duration) -> Result<usize> {
        let new = [timespec(interval), timespec(first)];
        plain(abi::__NR_timer_settime, [self.0 as usize, 0, from_ref(&new) as usize, 0])
    }

    /// There is no such timer any more.
    pub fn delete(self) -> Result<usize> {
        plain(abi::__NR_timer_delete, [self.0 as usize, 0, 0, 0])
    }
}

/// A call that touches no memory but what is passed to it here.
fn plain(number: u32, [a, b, c, d]: [usize; 4]) -> Result<usize> {
    // SAFETY: what is passed is memory of the caller's, for the time of the call.
    check(unsafe { call(number, [a, b, c, d, 0, 0]) })
}
