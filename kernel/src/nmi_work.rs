//! What an NMI leaves to be done with locks and wake-ups: an interrupt on its own CPU does it, as soon as interrupts are on (C83).

use core::sync::atomic::{AtomicU64, Ordering};

use vestibule::Hardirq;
use vestibule_arm64::this_cpu;

use crate::percpu::MAX_CPUS;
use crate::reference::Cpu;
use crate::{interrupts, profile};

/// The SGI that it comes as.
pub const INTERRUPT: u32 = 1;

/// A kind of work.
#[derive(Clone, Copy)]
pub enum Work {
    /// Whoever waits for the profiler's last sample is woken.
    ProfileIsDone,
}

/// A bit for each kind that is queued.
static QUEUED: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];

/// Queues it on CPU `here`, this one, and raises the interrupt. From an NMI.
pub fn queue(here: usize, work: Work) {
    QUEUED[here].fetch_or(1 << work as u32, Ordering::Release);
    interrupts::send(here, INTERRUPT);
}

/// The interrupt came.
pub fn run(cpu: &Cpu<Hardirq>) {
    let queued = QUEUED[this_cpu(cpu).number()].swap(0, Ordering::Acquire);
    if queued & 1 << Work::ProfileIsDone as u32 != 0 {
        profile::wake_waiters();
    }
}
