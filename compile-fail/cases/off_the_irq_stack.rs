//! An interrupt's handler goes on on the interrupt stack: `open` is there. On the task's its body and all soft interrupts would run
//! on what is left of that.
//@ on_the_tasks_stack: E0277 "`Then<NoNmi, Hardirq>` does not open at `Entered`" "on the interrupt stack: `on_irq_stack`"
//@ in_one_context: E0277 "`Hardirq` does not open at `Entered`"
//@ opened_twice: E0277 "`Then<NoNmi, Hardirq>` does not open at `Open<NoNmi>`"

#![forbid(unsafe_code)]

use support::*;

pub fn irq<P: Arm64Port>(taken: Taken<'_, P, El1Irq>) -> Restored<'_, P, El1Irq> {
    let x = taken.enter();
    #[cfg(not(bad = "on_the_tasks_stack"))]
    let x = x.on_irq_stack(|x| {
        let x = x.open();
        #[cfg(bad = "opened_twice")]
        let x = x.open();
        x.acknowledge(acknowledge, nmi).0.then().run_hardirq(interrupt).mask()
    });
    #[cfg(bad = "on_the_tasks_stack")]
    let x = x.open().acknowledge(acknowledge, nmi).0.then().run_hardirq(interrupt).mask();
    x.prepare().restore()
}

#[cfg(bad = "in_one_context")]
pub enum Simple {}

#[cfg(bad = "in_one_context")]
impl Class for Simple {
    const NAME: &'static str = "simple";
    type Body = Hardirq;
    type Counts = Regular;
}

#[cfg(bad = "in_one_context")]
pub fn simple<P: Arm64Port>(taken: Taken<'_, P, Simple>) -> Restored<'_, P, Simple> {
    taken.enter().open().run_hardirq(interrupt).finish()
}
