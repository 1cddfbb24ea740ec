//! Two nested exceptions of the *same* class, each with its own frame: neither one's handler can end with the
//! other's exit.
//@ restored: error "lifetime may not live long enough"
//@ restored_inside: error "lifetime may not live long enough"
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

pub fn inner_returns<'outer: 'inner, 'inner, P: Arm64Port>(
    outer: Exception<'outer, P, El1Abort, Ready>,
    inner: Exception<'inner, P, El1Abort, Ready>,
) -> Restored<'inner, P, El1Abort> {
    #[cfg(bad = "restored_inside")]
    return outer.restore();
    inner.restore()
}
