//! Handlers of what comes from the kernel. Each shows in one place what is opened and what is closed.

use crate::bodies::{self, Arm64Port, Bodies};
use crate::classes::{El1Abort, El1Brk, El1Irq, El1Serror, El1Undefined, Fatal};
use crate::noinstr;
use vestibule::{Port, Restored, Taken};

noinstr! {
    pub(crate) fn abort<P: Arm64Port>(taken: Taken<'_, P, El1Abort>) -> Restored<'_, P, El1Abort> {
        let x = taken.enter();
        let x = x.open();
        let x = x.run(P::Kernel::kernel_abort);
        let x = x.mask();
        let x = x.prepare();
        x.restore()
    }

    pub(crate) fn undefined<P: Arm64Port>(taken: Taken<'_, P, El1Undefined>) -> Restored<'_, P, El1Undefined> {
        let x = taken.enter();
        let x = x.open();
        let x = x.run(P::Kernel::kernel_undefined);
        let x = x.mask();
        let x = x.prepare();
        x.restore()
    }

    #[expect(clippy::redundant_closure, reason = "a function that is passed as it is gets inlined or not")]
    pub(crate) fn irq<P: Arm64Port>(taken: Taken<'_, P, El1Irq>) -> Restored<'_, P, El1Irq> {
        let x = taken.enter();
        let x = x.on_irq_stack(#[inline(always)] |x| {
            let x = x.open();
            let x = x.run_hardirq(#[inline(always)] |cpu, frame| bodies::interrupt(cpu, frame));
            x.mask()
        });
        let x = x.prepare();
        x.restore()
    }

    pub(crate) fn brk<P: Arm64Port>(taken: Taken<'_, P, El1Brk>) -> Restored<'_, P, El1Brk> {
        let x = taken.enter();
        let x = x.open();
        let x = x.run(P::Kernel::kernel_brk);
        let x = x.mask();
        x.restore()
    }

    pub(crate) fn serror<P: Arm64Port>(taken: Taken<'_, P, El1Serror>) -> Restored<'_, P, El1Serror> {
        let x = taken.enter();
        let x = x.open();
        let x = x.run(bodies::serror);
        let x = x.mask();
        x.restore()
    }

    /// Counts as NMI-like before anything is printed: it may have come in the middle of anything (C87).
    pub(crate) fn die<P: Arm64Port>(taken: Taken<'_, P, Fatal>, what: &'static str) -> ! {
        let x = taken.enter();
        <P as Port>::Kernel::die(what, x.frame())
    }
}
