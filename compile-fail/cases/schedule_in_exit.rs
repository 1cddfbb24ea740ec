//! An exit that schedules by itself has only a borrowed `Critical` token to offer.
//@ critical: E0308 "expected `Cpu<<P as Port>::Kernel, NoIrq>`, found `&Cpu<<P as Port>::Kernel, Critical>`"
//@ as_no_irq: E0308 "expected `Cpu<<P as Port>::Kernel, NoIrq>`, found `&Cpu<<P as Port>::Kernel, NoIrq>`"

use support::*;

pub fn handler<P: Arm64Port>(taken: Taken<'_, P, El1Abort>, cause: Cause) -> Restored<'_, P, El1Abort> {
    let x = taken.enter().open().run(P::Kernel::kernel_abort).mask();
    #[cfg(bad = "critical")]
    <P::Kernel as Kernel>::Scheduler::schedule(x.cpu(), cause);
    #[cfg(bad = "as_no_irq")]
    <P::Kernel as Kernel>::Scheduler::schedule(x.cpu().irqs_masked(), cause);
    x.prepare().restore()
}
