//! An NMI-like exception never prepares.
//@ prepare: E0277 "`prepare` comes after `mask`, but this exception is at `Ready`" "C35"
//@ prepare: E0277 "the exit of a `NmiLike` exception has nothing to prepare"
//@ finish: E0277 "the exit of a `NmiLike` exception has nothing to prepare" "C35"

use support::*;

pub fn handler<P: Arm64Port>(
    taken: Taken<'_, P, El1Serror>,
    body: fn(Cpu<P::Kernel, Error>, &mut Frame) -> Cpu<P::Kernel, Error>,
) -> Restored<'_, P, El1Serror> {
    let x = taken.enter();
    let x = x.open();
    let x = x.run(body);
    #[cfg(bad = "finish")]
    let restored = x.finish();
    #[cfg(not(bad = "finish"))]
    let x = x.mask();
    #[cfg(bad = "prepare")]
    let x = x.prepare();
    #[cfg(not(bad = "finish"))]
    let restored = x.restore();
    restored
}
