//! What belongs to one class's exception is of no use to another's.
//@ restored: E0308 "El1Undefined>`, found `Restored<" "El1Abort"
//@ exception: E0308 "El1Undefined, Ready>`, found `Exception<" "El1Abort"
//@ swap: E0308 "&mut Exception" "El1Undefined" "El1Abort"

use support::*;

/// Two nested exceptions in one function.
pub fn nested<'f, P: Arm64Port>(
    mut outer: Exception<'f, P, El1Undefined, Ready>,
    mut inner: Exception<'f, P, El1Abort, Ready>,
) -> Restored<'f, P, El1Undefined> {
    #[cfg(bad = "restored")]
    return inner.restore();
    #[cfg(bad = "exception")]
    {
        outer = inner;
    }
    #[cfg(bad = "swap")]
    core::mem::swap(&mut outer, &mut inner);
    outer.restore()
}
