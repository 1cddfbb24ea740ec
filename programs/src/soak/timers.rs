//! Timers that send signals: who sleeps until one comes must wake.

use core::sync::atomic::Ordering;
use core::time::Duration;

use super::Progress;
use crate::runtime::clock::now;
use crate::runtime::process::{HANDLED, fork, handle, handled, set_blocked, set_of, suspend, wait};
use crate::runtime::syscall::{Result, abi, clock_gettime, nanosleep};
use crate::runtime::timer::{PosixTimer, set_interval, sleep_until};

const SIGNAL: u32 = 44;
const ONCE: Duration = Duration::ZERO;
const LONG: Duration = Duration::from_secs(3600);

/// Timers of both kinds, of all lengths, that come once and again; those that are taken back; those of who ends.
pub fn timers(progress: &Progress) -> Result<bool> {
    handle(abi::SIGALRM, 0, 0)?;
    handle(SIGNAL, 0, 0)?;
    // They come in `suspend` alone: none comes before it sleeps.
    set_blocked(set_of(abi::SIGALRM) | set_of(SIGNAL))?;
    let mut length = Duration::from_micros(10);
    loop {
        if !(interval_timer(length)? && posix_timer(length)? && sleep(length)? && ends_with_timers()?) {
            return Ok(false);
        }
        length = if length > Duration::from_millis(20) { Duration::from_micros(10) } else { length * 3 / 2 };
        if !progress.again() {
            return Ok(true);
        }
    }
}

/// Comes once, and not too early; another is taken back and does not come.
fn interval_timer(length: Duration) -> Result<bool> {
    let (before, start) = (handled(), now());
    set_interval(abi::ITIMER_REAL, length, ONCE)?;
    suspend(0)?;
    let came = handled() == before + 1 && now() - start >= length;
    set_interval(abi::ITIMER_REAL, LONG, ONCE)?;
    let left = set_interval(abi::ITIMER_REAL, ONCE, ONCE)?;
    Ok(came && left <= LONG && left + Duration::from_secs(60) > LONG)
}

/// Comes again and again, with its value, as the timer that it is.
fn posix_timer(length: Duration) -> Result<bool> {
    const TIMES: u32 = 4;
    let (before, start) = (handled(), now());
    let timer = PosixTimer::new(SIGNAL, 0)?;
    timer.set(length, length)?;
    for _ in 0..TIMES {
        suspend(0)?;
    }
    let long_enough = now() - start >= length * TIMES;
    timer.delete()?;
    let is_timer = HANDLED.code.load(Ordering::Relaxed) as i32 == abi::SI_TIMER
        && HANDLED.origin.load(Ordering::Relaxed) as u32 == timer.0;
    let right = handled() == before + TIMES && long_enough && is_timer;
    // One more may have come before it was deleted: it is let in, so that the next round does not take it for its own.
    set_blocked(set_of(abi::SIGALRM))?;
    set_blocked(set_of(abi::SIGALRM) | set_of(SIGNAL))?;
    Ok(right)
}

/// Until a time, and while signals are on their way that nobody lets in.
fn sleep(length: Duration) -> Result<bool> {
    let due = clock_gettime()? + length;
    sleep_until(abi::CLOCK_MONOTONIC, due)?;
    let slept = clock_gettime()? >= due;
    sleep_until(abi::CLOCK_MONOTONIC, due)?;
    Ok(slept)
}

/// A child ends while its timers are set: what they hold comes back, and they come to nobody.
fn ends_with_timers() -> Result<bool> {
    let child = fork(|| {
        let begin = || -> Result<()> {
            for _ in 0..3 {
                PosixTimer::new(SIGNAL, 0)?.set(Duration::from_micros(100), Duration::from_micros(100))?;
            }
            set_interval(abi::ITIMER_REAL, Duration::from_micros(200), Duration::from_micros(150))?;
            nanosleep(Duration::from_micros(400))
        };
        u8::from(begin().is_err())
    })?;
    Ok(wait(child as isize, 0)?.1 == 0)
}
