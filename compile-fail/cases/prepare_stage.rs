//! `prepare` comes after `mask`, once.
//@ entered: E0277 "`prepare` comes after `mask`, but this exception is at `Entered`"
//@ open: E0277 "`prepare` comes after `mask`, but this exception is at `Ran<Inherit>`"
//@ twice: E0277 "`prepare` comes after `mask`, but this exception is at `Ready`"

use support::*;

pub fn handler<P: Arm64Port>(taken: Taken<'_, P, El1Abort>) -> Restored<'_, P, El1Abort> {
    let x = taken.enter();
    #[cfg(not(bad = "entered"))]
    let x = x.open().run(P::Kernel::kernel_abort);
    #[cfg(any(good, bad = "twice"))]
    let x = x.mask();
    let x = x.prepare();
    #[cfg(bad = "twice")]
    let x = x.prepare();
    x.restore()
}
