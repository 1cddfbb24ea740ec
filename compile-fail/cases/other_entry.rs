//! Two nested exceptions of the *same* class, each with its own frame: the outer one's handler cannot end with the
//! inner one's exit.
//@ restored: error "lifetime may not live long enough"
//@ swap: error "lifetime may not live long enough"

use support::*;

pub fn outer_returns<'outer: 'inner, 'inner, P: Arm64Port>(
    mut outer: Exception<'outer, P, El1Abort, Ready>,
    mut inner: Exception<'inner, P, El1Abort, Ready>,
) -> Restored<'outer, P, El1Abort> {
    #[cfg(bad = "restored")]
    return inner.restore();
    #[cfg(bad = "swap")]
    core::mem::swap(&mut outer, &mut inner);
    outer.restore()
}
