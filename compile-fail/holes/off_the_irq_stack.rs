//! An interrupt's handler may leave out `on_irq_stack`: it and all soft interrupts run on the task's stack. Should be: only
//! what `on_irq_stack` passes on can `run_hardirq` (a machine without such a stack passes it on at once).
//@ on_the_tasks_stack: compiles

#![forbid(unsafe_code)]

use support::*;

pub fn irq<P: Arm64Port>(taken: Taken<'_, P, El1Irq>) -> Restored<'_, P, El1Irq> {
    let x = taken.enter();
    #[cfg(not(bad = "on_the_tasks_stack"))]
    let x = x.on_irq_stack(|x| x.open().acknowledge(acknowledge, nmi).0.then().run_hardirq(interrupt).mask());
    #[cfg(bad = "on_the_tasks_stack")]
    let x = x.open().acknowledge(acknowledge, nmi).0.then().run_hardirq(interrupt).mask();
    x.prepare().restore()
}
