//! An interrupt's body owns a `NoIrq` token, and the scheduler's hook takes one: it sleeps on the interrupt stack, inside
//! hardirq accounting. So does what lets go of the scheduler's lock for a new task.
//! Should be: only the library calls `Scheduler::schedule`.
//@ in_interrupt: compiles

#![forbid(unsafe_code)]

use support::*;

pub fn handler<P: Arm64Port>(taken: Taken<'_, P, El1Irq>) -> Restored<'_, P, El1Irq> {
    let x = taken.enter().on_irq_stack(|x| x.open().run_hardirq(interrupt::<P::Kernel>).mask());
    x.prepare().restore()
}

pub fn interrupt<K: Kernel>(cpu: Cpu<K, NoIrq>, _: &mut FrameOf<K>) -> Cpu<K, NoIrq> {
    #[cfg(bad = "in_interrupt")]
    let cpu = K::Scheduler::schedule(cpu, Cause::Asked);
    cpu
}
