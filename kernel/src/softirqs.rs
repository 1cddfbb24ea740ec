//! Soft interrupts: what interrupt handlers leave to be done with interrupts on. One kind: due timers.

use core::sync::atomic::{AtomicU64, Ordering};

use vestibule::{Atomic, Hardirq, NoIrq};
use vestibule_arm64::this_cpu;

use crate::percpu::MAX_CPUS;
use crate::reference::{Cpu, Reference};
use crate::{test_hooks, timers};

/// A bit for each CPU: looking at it needs no check of an index, on a path that every interrupt takes.
static TIMER_PENDING: AtomicU64 = AtomicU64::new(0);
const _: () = assert!(MAX_CPUS <= 64);

/// Has what is due done when this interrupt is over.
pub fn raise_timer(cpu: &Cpu<Hardirq>) {
    TIMER_PENDING.fetch_or(1 << this_cpu(cpu).number(), Ordering::Relaxed);
}

/// Who answers the library.
#[derive(Debug)]
pub enum Softirqs {}

impl vestibule::Softirqs<Reference> for Softirqs {
    #[inline(always)]
    fn pending(cpu: &Cpu<NoIrq>) -> bool {
        TIMER_PENDING.load(Ordering::Relaxed) >> this_cpu(cpu).number() & 1 != 0
    }

    fn run(cpu: Cpu<Atomic>) -> Cpu<Atomic> {
        TIMER_PENDING.fetch_and(!(1 << this_cpu(&cpu).number()), Ordering::Relaxed);
        timers::expire(&cpu);
        test_hooks::serrors::in_softirq();
        cpu
    }
}
