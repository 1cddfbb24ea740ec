//! A class does not say that its body is an interrupt's: `run` in place of `run_hardirq` leaves hardirq accounting and
//! soft interrupts out, `run_nmi` in an NMI-like class counts twice. Should be: in the row (its accounting, or its body).
//@ not_counted: compiles
//@ counted_twice: compiles

#![forbid(unsafe_code)]

use support::*;

pub fn irq<P: Arm64Port>(taken: Taken<'_, P, El1Irq>) -> Restored<'_, P, El1Irq> {
    let x = taken.enter().open();
    #[cfg(not(bad = "not_counted"))]
    let x = x.run_hardirq(P::Kernel::interrupt);
    #[cfg(bad = "not_counted")]
    let x = x.run(P::Kernel::interrupt);
    x.mask().prepare().restore()
}

pub fn serror<P: Arm64Port>(taken: Taken<'_, P, El1Serror>) -> Restored<'_, P, El1Serror> {
    let x = taken.enter().open();
    #[cfg(not(bad = "counted_twice"))]
    let x = x.run(P::Kernel::serror_corrected);
    #[cfg(bad = "counted_twice")]
    let x = x.run_nmi(P::Kernel::serror_corrected);
    x.mask().restore()
}
