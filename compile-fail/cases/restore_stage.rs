//! `restore` needs everything masked and nothing left to prepare.
//@ entered: E0277 "but this exception is at `Entered`"
//@ open: E0277 "but this exception is at `Ran<Inherit>`"
//@ unprepared: E0277 "but this exception is at `Masked`"

use support::*;

pub fn handler<P: Arm64Port>(taken: Taken<'_, P, El1Abort>) -> Restored<'_, P, El1Abort> {
    let x = taken.enter();
    #[cfg(not(bad = "entered"))]
    let x = x.open().run(P::Kernel::kernel_abort);
    #[cfg(any(good, bad = "unprepared"))]
    let x = x.mask();
    #[cfg(good)]
    let x = x.prepare();
    x.restore()
}
