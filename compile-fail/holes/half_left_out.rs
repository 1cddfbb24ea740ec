//! Nothing asks for what a row promises to be *run*: a handler that leaves out the body's second half, or the body,
//! compiles. Should be: `mask` only where the last half is open.
//@ second_half: compiles
//@ body: compiles

#![forbid(unsafe_code)]

use support::*;

pub fn serror<P: Arm64Port>(taken: Taken<'_, P, El0Serror>) -> Restored<'_, P, El0Serror> {
    let x = taken.enter().open();
    #[cfg(not(bad = "body"))]
    let x = x.run_nmi(P::Kernel::serror_corrected);
    #[cfg(not(bad = "second_half"))]
    let x = x.then();
    x.mask().prepare().restore()
}
