//! What is done at each overflow of the cycle counter: one sample for the profiler, if it runs, and a look whether this CPU still
//! ticks.

use core::sync::atomic::{AtomicU64, Ordering};

use vestibule_arm64::Frame;

use crate::{cycle_counter, lockup, profile};

/// How often the lock-up detector looks.
const LOOK_NANOSECONDS: u64 = 500_000_000;

/// How long from one overflow to the next.
static PERIOD: AtomicU64 = AtomicU64::new(LOOK_NANOSECONDS);

/// The first overflow of this CPU is a period away.
pub fn begin() {
    if cycle_counter::interrupt().is_some() {
        cycle_counter::overflow_after(PERIOD.load(Ordering::Relaxed));
    }
}

/// From now on, so many nanoseconds from one to the next; each CPU [begins](begin) anew.
pub fn set_period(nanoseconds: Option<u64>) {
    PERIOD.store(nanoseconds.unwrap_or(LOOK_NANOSECONDS).min(lockup::look_every()), Ordering::Relaxed);
}

/// The counter has overflowed on CPU `number`.
pub fn overflowed(number: usize, frame: &Frame) {
    if cycle_counter::take_overflow() {
        begin();
        profile::sample(number, frame);
        lockup::look(number, frame);
    }
}
