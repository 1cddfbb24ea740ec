//! A body runs in what its class's row names.
//@ closed: E0631 "expected closure signature" "fn(Cpu<_, Inherit>, " "fn(Cpu<_, NoIrq>, "
//@ opened: E0631 "expected function signature" "fn(Cpu<_, Inherit>, " "fn(Cpu<_, Process>, "
//@ as_hardirq: E0599 "no method named `run_hardirq` found for struct `Exception<"
//@ as_nmi: E0599 "no method named `run_nmi` found for struct `Exception<"

use support::*;

pub fn handler<P: Arm64Port>(taken: Taken<'_, P, El1Abort>) -> Restored<'_, P, El1Abort> {
    let x = taken.enter().open();
    #[cfg(good)]
    let x = x.run(P::Kernel::kernel_abort);
    #[cfg(bad = "closed")]
    let x = x.run(|cpu: Cpu<P::Kernel, NoIrq>, _: &mut Frame| cpu);
    #[cfg(bad = "opened")]
    let x = x.run(P::Kernel::user_abort);
    #[cfg(bad = "as_hardirq")]
    let x = x.run_hardirq(interrupt);
    #[cfg(bad = "as_nmi")]
    let x = x.run_nmi(P::Kernel::serror_corrected);
    x.mask().prepare().restore()
}
