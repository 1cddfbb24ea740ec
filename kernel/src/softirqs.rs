//! Soft interrupts: what interrupt handlers leave to be done with interrupts on. One kind: due sleepers.

use core::sync::atomic::{AtomicBool, Ordering};

use vestibule::{Atomic, Hardirq, NoIrq};
use vestibule_arm64::this_cpu;

use crate::percpu::MAX_CPUS;
use crate::reference::{Cpu, Reference};
use crate::sleep;

static TIMER_PENDING: [AtomicBool; MAX_CPUS] = [const { AtomicBool::new(false) }; MAX_CPUS];

/// Has the sleepers who are due woken when this interrupt is done.
pub fn raise_timer(cpu: &Cpu<Hardirq>) {
    TIMER_PENDING[this_cpu(cpu).number()].store(true, Ordering::Relaxed);
}

/// Who answers the library.
#[derive(Debug)]
pub enum Softirqs {}

impl vestibule::Softirqs<Reference> for Softirqs {
    #[inline(always)]
    fn pending(cpu: &Cpu<NoIrq>) -> bool {
        TIMER_PENDING[this_cpu(cpu).number()].load(Ordering::Relaxed)
    }

    fn run(cpu: Cpu<Atomic>) -> Cpu<Atomic> {
        TIMER_PENDING[this_cpu(&cpu).number()].store(false, Ordering::Relaxed);
        sleep::wake_due();
        cpu
    }
}
