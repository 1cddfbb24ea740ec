//! An NMI from the kernel never prepares, and masks before it restores.
//@ prepare: E0277 "`prepare` comes after `mask`, but this exception is at `Ready`" "C35"
//@ prepare: E0277 "the exit of a `Nmi` exception has nothing to prepare"
//@ finish: E0277 "the exit of a `Nmi` exception has nothing to prepare" "C35"
//@ open: E0277 "but this exception is at `Ran<NoNmi>`"

use support::*;

pub fn handler<P: Arm64Port>(taken: Taken<'_, P, El1Nmi>) -> Restored<'_, P, El1Nmi> {
    let x = taken.enter();
    let x = x.open();
    let x = x.run(|cpu, _| cpu);
    #[cfg(bad = "finish")]
    let restored = x.finish();
    #[cfg(not(any(bad = "finish", bad = "open")))]
    let x = x.mask();
    #[cfg(bad = "prepare")]
    let x = x.prepare();
    #[cfg(not(bad = "finish"))]
    let restored = x.restore();
    restored
}
