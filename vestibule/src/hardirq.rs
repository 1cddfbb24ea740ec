//! Hardirq accounting around an interrupt's body, and soft interrupts when the last handler is done.

use crate::cpu::{mask_irqs, open_irqs};
use crate::hooks::check_context;
use crate::word::{HARDIRQ, SOFTIRQ};
use crate::{Atomic, Cpu, Hardirq, Kernel, NoIrq, Softirqs, Step};

/// A device that always has more to do must not keep the task that it interrupted from running. What is left stays
/// pending; the next interrupt's exit, the tick's at the latest, goes on.
const PASSES: u32 = 8;

/// Counted after the state entry; uncounted before soft interrupts and before any look at rescheduling (C117).
/// Before and after: interrupts masked (C119).
#[inline(always)]
pub(crate) fn account<K: Kernel>(cpu: Cpu<K, Hardirq>, body: impl FnOnce(Cpu<K, Hardirq>) -> Cpu<K, Hardirq>) {
    cpu.task_word().add::<K::Machine>(HARDIRQ);
    let cpu = body(cpu);
    check_context::<K, Hardirq>(25, "interrupt handler");
    let left = cpu.task_word().sub::<K::Machine>(HARDIRQ);
    if !left.in_interrupt() && K::Softirqs::pending(&Cpu::assume(Step::new())) {
        core::hint::cold_path();
        run_softirqs::<K>();
    }
}

/// Only from the outermost interrupt, and not where soft interrupts are off (C118). They run with interrupts on; an
/// interrupt that comes finds the count and leaves them to this loop.
fn run_softirqs<K: Kernel>() {
    let cpu = Cpu::<K, NoIrq>::assume(Step::new());
    cpu.task_word().add::<K::Machine>(SOFTIRQ);
    for _ in 0..PASSES {
        open_irqs::<K>();
        let _back = K::Softirqs::run(Cpu::assume(Step::new()));
        check_context::<K, Atomic>(13, "soft interrupts");
        mask_irqs::<K>();
        if !K::Softirqs::pending(&cpu) {
            break;
        }
    }
    cpu.task_word().sub::<K::Machine>(SOFTIRQ);
}
