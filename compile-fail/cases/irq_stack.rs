//! The interrupt stack is entered and left with everything masked, and by the same exception.
//@ leaves_open: E0308 "expected `Exception<" "Masked>`, found `Exception<" "Ran<Hardirq>>`"
//@ prepares: E0308 "Masked>`, found `Exception<" "Ready>`"
//@ enters_open: E0277 "`Then<NoNmi, Hardirq>` does not open at `Entered`"
//@ enters_open: E0599 "no method named `on_irq_stack` found for struct `Exception<"
//@ stays: E0308 "expected `Exception<" "found `()`"
//@ gives_back_another: error "lifetime may not live long enough"
//@ gives_back_another: error "lifetime may not live long enough"
//@ keeps: E0521 "borrowed data escapes outside of closure" "`x` escapes"

use support::*;

pub fn handler<'f, P: Arm64Port>(
    taken: Taken<'f, P, El1Irq>,
    another: Exception<'_, P, El1Irq, Masked>,
) -> Restored<'f, P, El1Irq> {
    let x = taken.enter();
    #[cfg(bad = "gives_back_another")]
    let x = x.on_irq_stack(|_| another);
    #[cfg(bad = "keeps")]
    let mut kept = None;
    #[cfg(bad = "keeps")]
    let x = x.on_irq_stack(|x| {
        kept = Some(x);
        loop {}
    });
    #[cfg(bad = "enters_open")]
    let x = x.open();
    #[cfg(bad = "stays")]
    let x = x.on_irq_stack(|x| -> Exception<'_, P, El1Irq, Masked> { drop(x.open()) });
    #[cfg(not(any(bad = "stays", bad = "gives_back_another", bad = "keeps")))]
    let x = x.on_irq_stack(|x| {
        #[cfg(not(bad = "enters_open"))]
        let x = x.open();
        let x = x.acknowledge(acknowledge, nmi).0.then().run_hardirq(interrupt);
        #[cfg(not(bad = "leaves_open"))]
        let x = x.mask();
        #[cfg(bad = "prepares")]
        let x = x.prepare();
        x
    });
    x.prepare().restore()
}
