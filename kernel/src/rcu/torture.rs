//! Readers and writers that try to catch each other, for tests: a program runs both on all CPUs, by system calls, and
//! in between is preempted, idles, and runs in user mode.
//!
//! What is read and freed here is never really freed, so that a reader who comes too late sees that, and nothing worse.

use alloc::boxed::Box;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use vestibule::{Hardirq, Process};

use super::{Reader, defer, read, synchronize};
use crate::reference::Cpu;
use crate::timer;

/// Something that readers find: in use while odd.
struct Slot(AtomicU64);

impl Slot {
    /// Takes it into use; false if it is.
    fn claim(&self) -> bool {
        let state = self.0.load(Ordering::Relaxed);
        state.is_multiple_of(2)
            && self.0.compare_exchange(state, state + 1, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }
}

const SLOTS: usize = 64;
static SLOTS_IN_TURN: [Slot; SLOTS] = [const { Slot(AtomicU64::new(0)) }; SLOTS];
/// Which one readers find. None before the first writer.
static CURRENT: AtomicUsize = AtomicUsize::new(SLOTS);
/// Readers who saw what they read go out of use under them.
static TOO_EARLY: AtomicU64 = AtomicU64::new(0);
static FREED: AtomicU64 = AtomicU64::new(0);
/// Ticks read, too.
static IN_TICKS: AtomicBool = AtomicBool::new(false);
/// For so many nanoseconds.
const A_TICKS_SECTION: u64 = 1_000_000;
static REPLACED_IN_TICKS: AtomicU64 = AtomicU64::new(0);

/// A slot that goes out of use when this is dropped.
struct InUse(&'static Slot);

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
        FREED.fetch_add(1, Ordering::Relaxed);
    }
}

/// Reads for `microseconds`, in one section. How many have been caught too late so far, here or anywhere.
pub fn reader(cpu: &mut Cpu<Process>, microseconds: u64) -> u64 {
    read(cpu, |reader| section(reader, timer::nanoseconds() + microseconds * 1000));
    TOO_EARLY.load(Ordering::Relaxed)
}

/// From now on every tick is a reader, or none is: on a CPU without a task nobody else reads. Under how many of them
/// something was replaced so far.
pub fn read_in_ticks(wanted: bool) -> u64 {
    IN_TICKS.store(wanted, Ordering::Relaxed);
    REPLACED_IN_TICKS.load(Ordering::Relaxed)
}

/// From the tick.
pub fn tick(cpu: &Cpu<Hardirq>) {
    if IN_TICKS.load(Ordering::Relaxed) {
        let current = CURRENT.load(Ordering::Relaxed);
        section(&Reader::of(cpu), timer::nanoseconds() + A_TICKS_SECTION);
        REPLACED_IN_TICKS.fetch_add(u64::from(CURRENT.load(Ordering::Relaxed) != current), Ordering::Relaxed);
    }
}

fn section(_: &Reader, end: u64) {
    let Some(slot) = SLOTS_IN_TURN.get(CURRENT.load(Ordering::Acquire)) else { return };
    let before = slot.0.load(Ordering::SeqCst);
    while timer::nanoseconds() < end {
        spin_loop();
    }
    if before.is_multiple_of(2) || slot.0.load(Ordering::SeqCst) != before {
        TOO_EARLY.fetch_add(1, Ordering::Relaxed);
    }
}

/// Puts another slot in the current one's place, and has the old one freed: by the kernel thread, or after a grace period
/// that this waits for. How many have been freed so far.
pub fn writer(cpu: &mut Cpu<Process>, waits: bool) -> u64 {
    if let Some(new) = SLOTS_IN_TURN.iter().position(Slot::claim) {
        let old = SLOTS_IN_TURN.get(CURRENT.swap(new, Ordering::AcqRel)).map(InUse);
        if waits {
            synchronize(cpu);
            drop(old);
        } else {
            old.into_iter().for_each(|old| defer(Box::new(old)));
        }
    }
    FREED.load(Ordering::Relaxed)
}
