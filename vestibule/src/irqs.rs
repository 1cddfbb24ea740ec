//! Interrupt-state tracking: what tracing and lock checking believe of the interrupt mask, and whether it is true.

use crate::hooks::check;
use crate::{ContextTracking, IrqTracing, Kernel, Level, Machine, Step};
use core::sync::atomic::AtomicU64;

pub(crate) const OFF: u64 = 0;
/// The tracers have been told; nothing but `on` may follow (C76).
const PREPARED: u64 = 1;
const ON: u64 = 2;

/// Interrupt-state tracking in the CPU's [`CpuState`](crate::CpuState).
pub enum TrackedIrqs {}

fn belief<K: Kernel>() -> &'static AtomicU64 {
    &K::Machine::cpu_state(Step::new()).irqs
}

fn masked<K: Kernel>() -> bool {
    !matches!(K::Machine::level(), Level::Process)
}

impl<K: Kernel> IrqTracing<K> for TrackedIrqs {
    const ON: bool = true;

    #[inline(always)]
    fn off(_: Step<Self>) {
        check::<K>(masked::<K>, 75, "irqs off");
        K::Machine::store(belief::<K>(), OFF);
    }

    #[inline(always)]
    fn off_finish(_: Step<Self>) {
        check::<K>(K::ContextTracking::watching, 80, "irqs off, finish");
    }

    #[inline(always)]
    fn on_prepare(_: Step<Self>) {
        check::<K>(K::ContextTracking::watching, 80, "irqs on, prepare");
        K::Machine::store(belief::<K>(), PREPARED);
    }

    #[inline(always)]
    fn on(_: Step<Self>) {
        check::<K>(masked::<K>, 23, "irqs on");
        check::<K>(|| K::Machine::load(belief::<K>()) == PREPARED, 76, "irqs on");
        K::Machine::store(belief::<K>(), ON);
    }

    #[inline(always)]
    fn believes_on() -> bool {
        K::Machine::load(belief::<K>()) == ON
    }
}
