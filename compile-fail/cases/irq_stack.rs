//! The interrupt stack is entered and left with everything masked.
//@ leaves_open: E0308 "expected `Exception<" "Masked>`, found `Exception<" "Ran<Hardirq>>`"
//@ prepares: E0308 "Masked>`, found `Exception<" "Ready>`"
//@ enters_open: E0599 "no method named `on_irq_stack` found for struct `Exception<"
//@ stays: E0308 "expected `Exception<" "found `()`"

use support::*;

pub fn handler<P: Arm64Port>(taken: Taken<'_, P, El1Irq>) -> Restored<'_, P, El1Irq> {
    let x = taken.enter();
    #[cfg(bad = "enters_open")]
    let x = x.open();
    #[cfg(bad = "stays")]
    let x = x.on_irq_stack(|x| -> Exception<'_, P, El1Irq, Masked> { drop(x.open()) });
    #[cfg(not(bad = "stays"))]
    let x = x.on_irq_stack(|x| {
        #[cfg(not(bad = "enters_open"))]
        let x = x.open();
        let x = x.run_hardirq(P::Kernel::interrupt);
        #[cfg(not(bad = "leaves_open"))]
        let x = x.mask();
        #[cfg(bad = "prepares")]
        let x = x.prepare();
        x
    });
    x.prepare().restore()
}
