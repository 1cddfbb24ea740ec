//! A body is counted as what it is, once: an interrupt's, an NMI's in an interrupt, an SError's or a breakpoint's of user mode.
//@ hardirq: E0277 "a body in `Hardirq` is not simply run in a `Regular` exception" "run_hardirq"
//@ unacknowledged: E0277 "a body in `NoNmi` is not simply run in a `Regular` exception" "acknowledge"
//@ serror_of_user_mode: E0277 "a body in `Error` is not simply run in a `User` exception" "run_nmi"
//@ breakpoint: E0277 "a body in `Critical` is not simply run in a `User` exception" "run_debug"
//@ serror_twice: E0599 "`NmiLike: FromUser`"
//@ nmi_twice: E0599 "`Nmi: Prepares`"

use support::*;

pub fn irq<P: Arm64Port>(x: Exception<'_, P, El1Irq, OnIrqStack>) -> Exception<'_, P, El1Irq, Masked> {
    let x = x.open();
    #[cfg(not(bad = "unacknowledged"))]
    let (x, _) = x.acknowledge(acknowledge, nmi);
    #[cfg(bad = "unacknowledged")]
    let x = x.run(|cpu, _| cpu);
    let x = x.then();
    #[cfg(not(bad = "hardirq"))]
    let x = x.run_hardirq(interrupt);
    #[cfg(bad = "hardirq")]
    let x = x.run(interrupt);
    x.mask()
}

pub fn only_nmi<P: Arm64Port>(taken: Taken<'_, P, El1Nmi>) -> Restored<'_, P, El1Nmi> {
    let x = taken.enter().open();
    #[cfg(not(bad = "nmi_twice"))]
    let x = x.run(|cpu, _| cpu);
    #[cfg(bad = "nmi_twice")]
    let (x, _) = x.acknowledge(acknowledge, nmi);
    x.mask().restore()
}

pub fn serror<P: Arm64Port>(taken: Taken<'_, P, El1Serror>) -> Restored<'_, P, El1Serror> {
    let x = taken.enter().open();
    #[cfg(not(bad = "serror_twice"))]
    let x = x.run(P::Kernel::serror_corrected);
    #[cfg(bad = "serror_twice")]
    let x = x.run_nmi(P::Kernel::serror_corrected);
    x.mask().restore()
}

pub fn serror_of_user_mode<P: Arm64Port>(taken: Taken<'_, P, El0Serror>) -> Restored<'_, P, El0Serror> {
    let x = taken.enter().open();
    #[cfg(not(bad = "serror_of_user_mode"))]
    let x = x.run_nmi(P::Kernel::serror_corrected);
    #[cfg(bad = "serror_of_user_mode")]
    let x = x.run(P::Kernel::serror_corrected);
    x.then().run(|cpu, _| cpu).mask().prepare().restore()
}

pub fn breakpoint<P: Arm64Port>(taken: Taken<'_, P, El0Breakpoint>) -> Restored<'_, P, El0Breakpoint> {
    let x = taken.enter().open();
    #[cfg(not(bad = "breakpoint"))]
    let (x, _) = x.run_debug(|cpu, _| (cpu, ()));
    #[cfg(bad = "breakpoint")]
    let x = x.run(|cpu, _| cpu);
    x.then().run(|cpu, _| cpu).mask().prepare().restore()
}
