//! Threads that share, and sleep.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use super::Progress;
use crate::runtime::clock::now;
use crate::runtime::process::{fork, wait};
use crate::runtime::syscall::{Result, abi, futex_wait, futex_wake, nanosleep};
use crate::runtime::thread::spawn;

const THREADS: usize = 4;
const ROUNDS: u32 = 200;

static LOCK: AtomicU32 = AtomicU32::new(FREE);
static COUNT: AtomicU32 = AtomicU32::new(0);

const FREE: u32 = 0;
const HELD: u32 = 1;
const WAITED_FOR: u32 = 2;

fn lock() {
    if LOCK.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok() {
        return;
    }
    while LOCK.swap(WAITED_FOR, Ordering::Acquire) != FREE {
        _ = futex_wait(&LOCK, WAITED_FOR, abi::FUTEX_PRIVATE_FLAG);
    }
}

fn unlock() {
    if LOCK.swap(FREE, Ordering::Release) == WAITED_FOR {
        _ = futex_wake(&LOCK, 1, abi::FUTEX_PRIVATE_FLAG);
    }
}

fn count() {
    for _ in 0..ROUNDS {
        lock();
        COUNT.store(COUNT.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        unlock();
    }
}

/// In a child, because the stacks of threads stay until their process ends.
fn count_together() -> Result<bool> {
    let threads: [_; THREADS] = core::array::from_fn(|_| spawn(count));
    for thread in threads {
        thread?.join();
    }
    Ok(COUNT.load(Ordering::Relaxed) == THREADS as u32 * ROUNDS)
}

/// Threads count under one lock.
pub fn threads(progress: &Progress) -> Result<bool> {
    loop {
        let child = fork(|| u8::from(count_together() != Ok(true)))?;
        if wait(child as isize, 0)?.1 != 0 {
            return Ok(false);
        }
        if !progress.again() {
            return Ok(true);
        }
    }
}

/// Sleeps of all lengths, none of them too short.
pub fn sleeps(progress: &Progress) -> Result<bool> {
    let mut microseconds = 10;
    loop {
        let (start, time) = (now(), Duration::from_micros(microseconds));
        nanosleep(time)?;
        if now() - start < time {
            return Ok(false);
        }
        microseconds = if microseconds > 20_000 { 10 } else { microseconds * 3 / 2 };
        if !progress.again() {
            return Ok(true);
        }
    }
}
