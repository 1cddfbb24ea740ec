//! An interrupt's body is counted as one, and what counts as NMI-like is not counted twice.
//@ run: E0277 "a body in `Hardirq` is not simply run" "run_hardirq"
//@ nmi_twice: E0599 "`NmiLike: FromUser`"

use support::*;

pub fn irq<P: Arm64Port>(taken: Taken<'_, P, El1Irq>) -> Restored<'_, P, El1Irq> {
    let x = taken.enter().open();
    #[cfg(not(bad = "run"))]
    let x = x.run_hardirq(interrupt);
    #[cfg(bad = "run")]
    let x = x.run(interrupt);
    x.mask().prepare().restore()
}

pub fn serror<P: Arm64Port>(taken: Taken<'_, P, El1Serror>) -> Restored<'_, P, El1Serror> {
    let x = taken.enter().open();
    #[cfg(not(bad = "nmi_twice"))]
    let x = x.run(P::Kernel::serror_corrected);
    #[cfg(bad = "nmi_twice")]
    let x = x.run_nmi(P::Kernel::serror_corrected);
    x.mask().restore()
}
