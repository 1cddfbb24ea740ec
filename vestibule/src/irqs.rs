//! Interrupt-state tracking: what tracing and lock checking believe of the interrupt mask, and whether it is true.

use crate::hooks::check;
use crate::{ContextTracking, IrqTracing, Kernel, Level, Machine, Step};
use core::sync::atomic::AtomicU64;

/// One CPU's belief.
#[derive(Debug)]
pub(crate) struct Belief(AtomicU64);

const OFF: u64 = 0;
/// The tracers have been told; nothing but `on` may follow (C76).
const PREPARED: u64 = 1;
const ON: u64 = 2;

impl Belief {
    pub(crate) const fn new() -> Belief {
        Belief(AtomicU64::new(OFF))
    }
}

/// Interrupt-state tracking in the CPU's [`CpuState`](crate::CpuState).
#[derive(Debug)]
pub enum TrackedIrqs {}

#[inline(always)]
fn belief<K: Kernel>() -> &'static AtomicU64 {
    &K::Machine::cpu_state(Step::new()).irqs.0
}

#[inline(always)]
fn masked<K: Kernel>() -> bool {
    !matches!(K::Machine::level(), Level::Process)
}

impl<K: Kernel> IrqTracing<K> for TrackedIrqs {
    #[inline(always)]
    fn off() {
        check::<K>(masked::<K>, 75, "irqs off");
        K::Machine::store(belief::<K>(), OFF);
    }

    #[inline(always)]
    fn off_finish() {
        check::<K>(K::ContextTracking::watching, 80, "irqs off, finish");
    }

    #[inline(always)]
    fn on_prepare() {
        check::<K>(K::ContextTracking::watching, 80, "irqs on, prepare");
        K::Machine::store(belief::<K>(), PREPARED);
    }

    #[inline(always)]
    fn on() {
        check::<K>(masked::<K>, 23, "irqs on");
        check::<K>(|| K::Machine::load(belief::<K>()) == PREPARED, 76, "irqs on");
        K::Machine::store(belief::<K>(), ON);
    }

    #[inline(always)]
    fn believes_on() -> bool {
        K::Machine::load(belief::<K>()) == ON
    }
}
