//! Two nested exceptions of one class, in one function: the outer one's frame lives longer, so its `Restored` passes for
//! the inner one's (`'f` is covariant). Only a port can bring two into one function, and `take` there asks for every
//! lifetime; still, an invariant `'f` (`PhantomData<fn(&'f ()) -> &'f ()>`) costs nothing.
//@ inner_ends_with_the_outer_exit: compiles
//@ swapped: compiles

#![forbid(unsafe_code)]

use support::*;

pub fn inner_returns<'outer: 'inner, 'inner, P: Arm64Port>(
    outer: Exception<'outer, P, El1Abort, Ready>,
    inner: Exception<'inner, P, El1Abort, Ready>,
) -> Restored<'inner, P, El1Abort> {
    #[cfg(bad = "inner_ends_with_the_outer_exit")]
    return outer.restore();
    #[cfg(bad = "swapped")]
    {
        let (mut a, mut b) = (outer, inner);
        core::mem::swap(&mut a, &mut b);
        return b.restore();
    }
    #[cfg(good)]
    inner.restore()
}
