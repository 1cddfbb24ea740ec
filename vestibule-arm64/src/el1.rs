//! Handlers of what comes from the kernel. Each shows in one place what is opened and what is closed.

use crate::bodies::{self, Arm64Port, Bodies, Dying};
use crate::breakpoints::Kind;
use crate::classes::{
    El1Abort, El1Breakpoint, El1Brk, El1Fiq, El1Irq, El1Nmi, El1Serror, El1Step, El1Undefined, El1Watchpoint, Fatal,
};
use crate::controller::{Fiq, Irq, Line};
use crate::{Frame, noinstr, tags};
use vestibule::{Class, Cpu, Critical, Debug, Hardirq, NoNmi, Port, Regular, Restored, Taken, Then};

noinstr! {
    pub(crate) fn abort<P: Arm64Port>(taken: Taken<'_, P, El1Abort>) -> Restored<'_, P, El1Abort> {
        let x = taken.enter();
        tags::enter(&x);
        let x = x.open();
        let x = x.run(P::Kernel::kernel_abort);
        let x = x.mask();
        let x = x.prepare();
        tags::check(&x);
        x.restore()
    }

    pub(crate) fn undefined<P: Arm64Port>(taken: Taken<'_, P, El1Undefined>) -> Restored<'_, P, El1Undefined> {
        let x = taken.enter();
        tags::enter(&x);
        let x = x.open();
        let x = x.run(P::Kernel::kernel_undefined);
        let x = x.mask();
        let x = x.prepare();
        tags::check(&x);
        x.restore()
    }

    pub(crate) fn irq<P: Arm64Port>(taken: Taken<'_, P, El1Irq>) -> Restored<'_, P, El1Irq> {
        interrupt::<P, El1Irq, Irq>(taken)
    }

    pub(crate) fn fiq<P: Arm64Port>(taken: Taken<'_, P, El1Fiq>) -> Restored<'_, P, El1Fiq> {
        interrupt::<P, El1Fiq, Fiq>(taken)
    }

    /// Of code with interrupts on. If it is an NMI, it counts as one inside the interrupt.
    #[inline(always)]
    fn interrupt<P: Arm64Port, X: Class<Body = Then<NoNmi, Hardirq>, Counts = Regular>, L: Line>(
        taken: Taken<'_, P, X>,
    ) -> Restored<'_, P, X> {
        let x = taken.enter();
        tags::enter(&x);
        let x = x.on_irq_stack(#[inline(always)] |x| {
            let x = x.open();
            let (x, number) = x.acknowledge(
                #[inline(always)] |cpu| bodies::acknowledge::<_, L>(cpu),
                #[inline(always)] |cpu, number, frame| bodies::nmi::<_, L>(cpu, number, frame),
            );
            let x = x.then();
            let x = x.run_hardirq(#[inline(always)] |cpu, frame| bodies::interrupt::<_, L>(cpu, number, frame));
            x.mask()
        });
        let x = x.prepare();
        tags::check(&x);
        x.restore()
    }

    pub(crate) fn nmi<P: Arm64Port>(taken: Taken<'_, P, El1Nmi>) -> Restored<'_, P, El1Nmi> {
        only_nmi::<P, Irq>(taken)
    }

    pub(crate) fn nmi_by_fiq<P: Arm64Port>(taken: Taken<'_, P, El1Nmi>) -> Restored<'_, P, El1Nmi> {
        only_nmi::<P, Fiq>(taken)
    }

    /// Where only NMIs come, or as one that is told from interrupts before it is acknowledged.
    #[inline(always)]
    fn only_nmi<P: Arm64Port, L: Line>(taken: Taken<'_, P, El1Nmi>) -> Restored<'_, P, El1Nmi> {
        let x = taken.enter();
        let x = x.on_irq_stack(#[inline(always)] |x| {
            let x = x.open();
            let x = x.run(#[inline(always)] |cpu, frame| bodies::only_nmi::<_, L>(cpu, frame));
            x.mask()
        });
        x.restore()
    }

    pub(crate) fn brk<P: Arm64Port>(taken: Taken<'_, P, El1Brk>) -> Restored<'_, P, El1Brk> {
        let x = taken.enter();
        let x = x.open();
        let x = x.run(P::Kernel::kernel_brk);
        let x = x.mask();
        x.restore()
    }

    #[inline(never)]
    pub(crate) fn breakpoint<P: Arm64Port>(taken: Taken<'_, P, El1Breakpoint>) -> Restored<'_, P, El1Breakpoint> {
        point(taken, P::Kernel::kernel_breakpoint, Kind::Breakpoint)
    }

    #[inline(never)]
    pub(crate) fn watchpoint<P: Arm64Port>(taken: Taken<'_, P, El1Watchpoint>) -> Restored<'_, P, El1Watchpoint> {
        point(taken, P::Kernel::kernel_watchpoint, Kind::Watchpoint)
    }

    #[inline(always)]
    fn point<P: Arm64Port, X: Class<Body = Critical, Counts = Debug>>(
        taken: Taken<'_, P, X>,
        body: impl FnOnce(Cpu<P::Kernel, Critical>, &mut Frame) -> Cpu<P::Kernel, Critical>,
        kind: Kind,
    ) -> Restored<'_, P, X> {
        let x = taken.enter();
        let x = x.open();
        let x = x.run(#[inline(always)] |cpu, frame| bodies::kernel_point(body(cpu, frame), kind, frame));
        let x = x.mask();
        x.restore()
    }

    #[inline(never)]
    #[expect(clippy::redundant_closure, reason = "by its name alone it is called through ordinary code")]
    pub(crate) fn step<P: Arm64Port>(taken: Taken<'_, P, El1Step>) -> Restored<'_, P, El1Step> {
        let x = taken.enter();
        let x = x.open();
        let x = x.run(#[inline(always)] |cpu, frame| bodies::kernel_step(cpu, frame));
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
    #[cold]
    #[inline(never)]
    pub(crate) fn die<P: Arm64Port>(taken: Taken<'_, P, Fatal>, what: &'static str) -> ! {
        let x = taken.enter();
        <P as Port>::Kernel::die(Dying::counted(), what, x.frame())
    }
}
