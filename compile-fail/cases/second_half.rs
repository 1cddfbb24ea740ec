//! A handler runs the body and goes through the contexts that its class's row names, in that order.
//@ not_in_row: E0271 "<El1Abort as Class>::Body == Then<Inherit, _>"
//@ not_in_row: E0277 "`Inherit: Fixed`"
//@ not_in_row: E0277 "`Inherit: Fixed`"
//@ twice: E0271 "<El0Serror as Class>::Body == Then<Process, _>"
//@ left_out: E0271 "expected `Error`, found `Process`"
//@ before_body: E0599 "no method named `then` found for struct `Exception<"
//@ after_mask: E0599 "no method named `then` found for struct `Exception<"
//@ body_left_out: E0599 "no method named `mask` found for struct `Exception<"
//@ body_in_second_half: E0599 "no method named `run` found for struct `Exception<"

use support::*;

pub fn two<P: Arm64Port>(taken: Taken<'_, P, El0Serror>) -> Restored<'_, P, El0Serror> {
    let x = taken.enter().open();
    #[cfg(not(bad = "before_body"))]
    let x = x.run_nmi(P::Kernel::serror_corrected);
    #[cfg(not(bad = "left_out"))]
    let x = x.then();
    #[cfg(bad = "twice")]
    let x = x.then();
    #[cfg(bad = "body_in_second_half")]
    let x = x.run(P::Kernel::user_unhandled);
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
    let x = x.then();
    x.mask().prepare().restore()
}
