//! A handler runs a body in each of the contexts that its class's row names, in that order.
//@ not_in_row: E0271 "<El1Abort as Class>::Body == Then<Inherit, _>"
//@ not_in_row: E0277 "`Inherit: Fixed`"
//@ twice: E0271 "<El0Serror as Class>::Body == Then<Process, _>"
//@ left_out: E0271 "expected `Error`, found `Process`"
//@ before_body: E0599 "no method named `then` found for struct `Exception<"
//@ before_second_body: E0599 "no method named `then` found for struct `Exception<" "Open<Process>"
//@ after_mask: E0599 "no method named `then` found for struct `Exception<"
//@ body_left_out: E0599 "no method named `mask` found for struct `Exception<"
//@ second_body_left_out: E0599 "no method named `mask` found for struct `Exception<" "Open<Process>"
//@ second_body_closed: E0631 "expected function signature" "fn(Cpu<_, Process>, " "fn(Cpu<_, Error>, "

use support::*;

pub fn two<P: Arm64Port>(taken: Taken<'_, P, El0Serror>) -> Restored<'_, P, El0Serror> {
    let x = taken.enter().open();
    #[cfg(not(bad = "before_body"))]
    let x = x.run_nmi(P::Kernel::serror_corrected);
    #[cfg(not(bad = "left_out"))]
    let x = x.then();
    #[cfg(bad = "before_second_body")]
    let x = x.then();
    #[cfg(bad = "second_body_closed")]
    let x = x.run(P::Kernel::serror_corrected);
    #[cfg(not(any(bad = "left_out", bad = "second_body_left_out", bad = "second_body_closed")))]
    let x = x.run(P::Kernel::user_unhandled);
    #[cfg(bad = "twice")]
    return ends(x.then());
    let x = x.mask();
    #[cfg(bad = "after_mask")]
    let x = x.then();
    x.prepare().restore()
}

pub fn one<P: Arm64Port>(taken: Taken<'_, P, El1Abort>) -> Restored<'_, P, El1Abort> {
    let x = taken.enter().open();
    #[cfg(not(bad = "body_left_out"))]
    let x = x.run(P::Kernel::kernel_abort);
    #[cfg(bad = "not_in_row")]
    return ends(x.then());
    x.mask().prepare().restore()
}

/// Nothing further is asked of what it gets.
pub fn ends<T>(_: T) -> ! {
    loop {}
}
