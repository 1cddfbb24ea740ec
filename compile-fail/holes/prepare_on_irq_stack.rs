//! The whole exit fits into `on_irq_stack`: the task is preempted with its frames on the CPU's interrupt stack, where the
//! next interrupt overwrites them. Should be: `on_irq_stack` ends with the mask (`To` = the accounting's `AfterMask`).
//@ prepares: compiles

#![forbid(unsafe_code)]

use support::*;

pub fn handler<P: Arm64Port>(taken: Taken<'_, P, El1Irq>) -> Restored<'_, P, El1Irq> {
    let x = taken.enter().on_irq_stack(|x| {
        let x = x.open().run_hardirq(P::Kernel::interrupt).mask();
        #[cfg(bad = "prepares")]
        let x = x.prepare();
        x
    });
    #[cfg(not(bad = "prepares"))]
    let x = x.prepare();
    x.restore()
}
