//! An interrupt is acknowledged first, once, in `NoNmi`; its body comes after that, in the second half and never in the first.
//@ body_unacknowledged: E0599 "no method named `run_hardirq` found for struct `Exception<" "Open<NoNmi>"
//@ body_in_first_half: E0599 "no method named `run_hardirq` found for struct `Exception<" "Ran<NoNmi>"
//@ opened_unacknowledged: E0599 "no method named `then` found for struct `Exception<" "Open<NoNmi>"
//@ twice: E0599 "no method named `acknowledge` found for struct `Exception<" "Ran<NoNmi>"
//@ in_second_half: E0599 "no method named `acknowledge` found for struct `Exception<" "Open<Hardirq>"
//@ in_a_fault: E0599 "no method named `acknowledge` found for struct `Exception<" "Open<Inherit>"
//@ body_left_out: E0271 "expected `NoNmi`, found `Hardirq`"
//@ opens_while_asked: E0631 "expected closure signature" "Cpu<_, NoNmi>" "Cpu<_, Hardirq>"

use support::*;

pub fn irq<P: Arm64Port>(x: Exception<'_, P, El1Irq, OnIrqStack>) -> Exception<'_, P, El1Irq, Masked> {
    let x = x.open();
    #[cfg(bad = "body_unacknowledged")]
    return ends(x.run_hardirq(interrupt));
    #[cfg(bad = "opened_unacknowledged")]
    return ends(x.then());
    #[cfg(not(bad = "opens_while_asked"))]
    let (x, number) = x.acknowledge(acknowledge, nmi);
    #[cfg(bad = "opens_while_asked")]
    let (x, number) = x.acknowledge(|_: &Cpu<P::Kernel, Hardirq>| Acknowledged::Nothing, nmi);
    #[cfg(bad = "twice")]
    return ends(x.acknowledge(acknowledge, nmi));
    #[cfg(bad = "body_in_first_half")]
    return ends(x.run_hardirq(interrupt));
    #[cfg(bad = "body_left_out")]
    return x.mask();
    let x = x.then();
    #[cfg(bad = "in_second_half")]
    return ends(x.acknowledge(acknowledge, nmi));
    let x = x.run_hardirq(|cpu, frame| match number {
        Some(_) => interrupt(cpu, frame),
        None => cpu,
    });
    x.mask()
}

pub fn abort<P: Arm64Port>(taken: Taken<'_, P, El1Abort>) -> Restored<'_, P, El1Abort> {
    let x = taken.enter().open();
    #[cfg(bad = "in_a_fault")]
    return ends(x.acknowledge(acknowledge, nmi));
    x.run(P::Kernel::kernel_abort).mask().prepare().restore()
}

/// Nothing further is asked of what it gets.
pub fn ends<T>(_: T) -> ! {
    loop {}
}
