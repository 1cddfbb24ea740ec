//! An NMI-like exception masks before it restores too.
//@ open: E0277 "but this exception is at `Ran<Error>`"

use support::*;

pub fn handler<P: Arm64Port>(taken: Taken<'_, P, El1Serror>) -> Restored<'_, P, El1Serror> {
    let x = taken.enter().open().run(P::Kernel::serror_corrected);
    #[cfg(good)]
    let x = x.mask();
    x.restore()
}
