//! An NMI-like exception masks before it restores too.
//@ open: E0277 "`restore` needs everything masked and nothing left to prepare, but this exception is at `Open<Error>`"

use support::*;

pub fn handler<P: Arm64Port>(taken: Taken<'_, P, El1Serror>) -> Restored<'_, P, El1Serror> {
    let x = taken.enter().open();
    #[cfg(good)]
    let x = x.mask();
    x.restore()
}
