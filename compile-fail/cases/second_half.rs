//! A body has the halves that its class's row names, in that order.
//@ not_in_row: E0599 "the method `then` exists for" "`Inherit: TwoHalves`"
//@ third: E0271 "expected `Process`, found `Error`"
//@ first_body_in_second_half: E0631 "expected function signature" "fn(Cpu<_, Process>, " "fn(Cpu<_, Error>, "
//@ second_body_in_first_half: E0631 "expected function signature" "fn(Cpu<_, Error>, " "fn(Cpu<_, Process>, "
//@ after_mask: E0599 "no method named `then` found for struct `Exception<"

use support::*;

pub fn two<P: Arm64Port>(taken: Taken<'_, P, El0Serror>) -> Restored<'_, P, El0Serror> {
    let x = taken.enter().open();
    #[cfg(not(bad = "second_body_in_first_half"))]
    let x = x.run_nmi(P::Kernel::serror_corrected);
    #[cfg(bad = "second_body_in_first_half")]
    let x = x.run(P::Kernel::user_unhandled);
    let x = x.then();
    #[cfg(not(bad = "first_body_in_second_half"))]
    let x = x.run(P::Kernel::user_unhandled);
    #[cfg(bad = "first_body_in_second_half")]
    let x = x.run(P::Kernel::serror_corrected);
    #[cfg(bad = "third")]
    let x = x.then();
    let x = x.mask();
    #[cfg(bad = "after_mask")]
    let x = x.then();
    x.prepare().restore()
}

pub fn one<P: Arm64Port>(taken: Taken<'_, P, El1Abort>) -> Restored<'_, P, El1Abort> {
    let x = taken.enter().open();
    #[cfg(bad = "not_in_row")]
    let x = x.then();
    x.mask().prepare().restore()
}
