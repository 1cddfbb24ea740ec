//! The net is under what was entered: an exception that was taken and never entered is dropped silently. Only a handler
//! with two of them in hand could return at all.
//@ codegen
//@ never_entered: compiles

#![forbid(unsafe_code)]

use support::*;

pub fn nested<'f>(
    outer: Taken<'f, SomePort, El1Abort>,
    inner: Taken<'_, SomePort, El1Brk>,
) -> Restored<'f, SomePort, El1Abort> {
    #[cfg(not(bad = "never_entered"))]
    let _inner = inner.enter().open().mask().restore();
    outer.enter().open().mask().prepare().restore()
}
