//! The hard-lockup detector: a CPU that takes NMIs but no ticks has had interrupts off for too long. It says so, once, and where.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use vestibule_arm64::Frame;

use crate::percpu::MAX_CPUS;
use crate::{backtrace, println, timer};

/// How long is too long.
static LIMIT_NANOSECONDS: AtomicU64 = AtomicU64::new(10_000_000_000);
/// How many NMIs must have seen it: a CPU that was stopped from outside for a while has not been stuck.
const LOOKS: u32 = 4;

/// When each CPU's next tick was due at the last look, since when, and how many looks have seen the same.
static DUE: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];
static SINCE: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];
static SEEN: [AtomicU32; MAX_CPUS] = [const { AtomicU32::new(0) }; MAX_CPUS];

/// Another limit, for who wants to see it fire.
pub fn set_limit(nanoseconds: u64) {
    LIMIT_NANOSECONDS.store(nanoseconds, Ordering::Relaxed);
}

/// How often it must look at least, for its limit.
pub fn look_every() -> u64 {
    LIMIT_NANOSECONDS.load(Ordering::Relaxed) / u64::from(2 * LOOKS)
}

/// From an NMI of CPU `number`, which interrupted `frame`.
pub fn look(number: usize, frame: &Frame) {
    let (due, now) = (timer::tick_due(number), timer::nanoseconds());
    if DUE[number].swap(due, Ordering::Relaxed) != due {
        SINCE[number].store(now, Ordering::Relaxed);
        SEEN[number].store(0, Ordering::Relaxed);
        return;
    }
    let stuck = now - SINCE[number].load(Ordering::Relaxed);
    if stuck < LIMIT_NANOSECONDS.load(Ordering::Relaxed) {
        // Not yet: only the looks after the limit count.
        return SEEN[number].store(0, Ordering::Relaxed);
    }
    if SEEN[number].fetch_add(1, Ordering::Relaxed) + 1 == LOOKS {
        println!("CPU {number}: hard lockup: interrupts off for {} ms", stuck / 1_000_000);
        backtrace::print(frame);
    }
}
