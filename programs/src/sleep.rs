//! `sleep`: three threads sleep for different times. They wake in the order of their times, and none too early.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use crate::runtime::print::println;
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Result, clock_gettime, clock_nanosleep, nanosleep};
use crate::runtime::thread::{Thread, spawn};

/// In the order the threads start in; far enough apart that a busy host does not turn them round.
const SLEEPS: [Duration; 3] = [Duration::from_millis(300), Duration::from_millis(100), Duration::from_millis(200)];

/// How many have woken.
static WOKEN: AtomicU32 = AtomicU32::new(0);
static WRONG: AtomicU32 = AtomicU32::new(0);

/// The program.
pub fn main(_: Arguments) -> u8 {
    let threads = SLEEPS.map(|time| spawn(move || sleep_for(time)));
    let started = threads.iter().filter(|thread| thread.is_ok()).count();
    threads.into_iter().flatten().for_each(Thread::join);
    let wrong = WRONG.load(Ordering::Relaxed);
    println!("sleep: {} woke, {wrong} of them wrongly", WOKEN.load(Ordering::Relaxed));
    u8::from(started < SLEEPS.len() || wrong > 0)
}

fn sleep_for(time: Duration) {
    let expected = SLEEPS.iter().filter(|other| **other < time).count() as u32;
    let slept = measure(time);
    let place = WOKEN.fetch_add(1, Ordering::Relaxed);
    match slept {
        Ok(slept) => println!("sleep: {} ms: woke after {} ms", time.as_millis(), slept.as_millis()),
        Err(error) => println!("sleep: {} ms: {error:?}", time.as_millis()),
    }
    let early = slept.is_ok_and(|slept| slept < time) || slept.is_err();
    if early || place != expected {
        WRONG.fetch_add(1, Ordering::Relaxed);
    }
}

/// Half of the time by each call.
fn measure(time: Duration) -> Result<Duration> {
    let start = clock_gettime()?;
    nanosleep(time / 2)?;
    clock_nanosleep(time / 2)?;
    Ok(clock_gettime()?.saturating_sub(start))
}
