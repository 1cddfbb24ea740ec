//! Handlers of what comes from user mode, and a task's first return to it. Each shows in one place what is opened and
//! what is closed.

use crate::bodies::{self, Arm64Port, Bodies};
use crate::breakpoints::{Hit, Kind};
use crate::classes::{
    El0Abort, El0Breakpoint, El0Brk, El0Fiq, El0Irq, El0Serror, El0Step, El0Svc, El0SvcAgain, El0Undefined,
    El0Unhandled, El0Watchpoint,
};
use crate::controller::{Fiq, Irq, Line};
use crate::{Frame, Key, fpsimd, noinstr, step, tags};
use vestibule::{Class, Cpu, Critical, Exception, Hardirq, NoNmi, Process, Restored, Taken, Then, User};

noinstr! {
    pub(crate) fn svc<P: Arm64Port>(taken: Taken<'_, P, El0Svc>) -> Restored<'_, P, El0Svc> {
        let x = taken.enter();
        tags::on(&x);
        let x = x.open();
        let x = x.trace_entry();
        let x = x.call(P::Kernel::syscall);
        let x = x.trace_exit();
        let x = x.mask();
        let x = x.prepare();
        fpsimd::check(&x);
        tags::check(&x);
        x.restore()
    }

    /// No call to trace: who traces the task sees the one that is made.
    pub(crate) fn svc_again<P: Arm64Port>(taken: Taken<'_, P, El0SvcAgain>) -> Restored<'_, P, El0SvcAgain> {
        let x = taken.enter();
        tags::on(&x);
        let x = x.open();
        let x = x.run(bodies::syscall_again);
        let x = x.mask();
        let x = x.prepare();
        fpsimd::check(&x);
        tags::check(&x);
        x.restore()
    }

    pub(crate) fn abort<P: Arm64Port>(taken: Taken<'_, P, El0Abort>) -> Restored<'_, P, El0Abort> {
        let x = taken.enter();
        tags::on(&x);
        let x = x.open();
        let x = x.run(P::Kernel::user_abort);
        let x = x.mask();
        let x = x.prepare();
        fpsimd::check(&x);
        tags::check(&x);
        x.restore()
    }

    pub(crate) fn brk<P: Arm64Port>(taken: Taken<'_, P, El0Brk>) -> Restored<'_, P, El0Brk> {
        let x = taken.enter();
        tags::on(&x);
        let x = x.open();
        let x = x.run(P::Kernel::user_brk);
        let x = x.mask();
        let x = x.prepare();
        fpsimd::check(&x);
        tags::check(&x);
        x.restore()
    }

    #[inline(never)]
    pub(crate) fn step<P: Arm64Port>(taken: Taken<'_, P, El0Step>) -> Restored<'_, P, El0Step> {
        let x = taken.enter();
        tags::on(&x);
        let is_told = step::done(&x);
        let x = x.open();
        let x = x.run(#[inline(always)] |cpu, frame| bodies::user_step(cpu, is_told, frame));
        let x = x.mask();
        let x = x.prepare();
        fpsimd::check(&x);
        tags::check(&x);
        x.restore()
    }

    #[inline(never)]
    pub(crate) fn breakpoint<P: Arm64Port>(taken: Taken<'_, P, El0Breakpoint>) -> Restored<'_, P, El0Breakpoint> {
        point(taken, P::Kernel::user_breakpoint, Kind::Breakpoint)
    }

    #[inline(never)]
    pub(crate) fn watchpoint<P: Arm64Port>(taken: Taken<'_, P, El0Watchpoint>) -> Restored<'_, P, El0Watchpoint> {
        point(taken, P::Kernel::user_watchpoint, Kind::Watchpoint)
    }

    /// Everything is masked and preemption off for its body (C11); all else comes after that.
    #[inline(always)]
    fn point<P: Arm64Port, X: Class<Body = Then<Critical, Process>, Counts = User>>(
        taken: Taken<'_, P, X>,
        body: impl FnOnce(Cpu<P::Kernel, Critical>, &mut Frame) -> (Cpu<P::Kernel, Critical>, Hit),
        kind: Kind,
    ) -> Restored<'_, P, X> {
        let x = taken.enter();
        tags::on(&x);
        let x = x.open();
        let (x, hit) = x.run_debug(#[inline(always)] |cpu, frame| bodies::user_point(body(cpu, frame), kind, frame));
        let x = x.then();
        let x = x.run(#[inline(always)] |cpu, frame| bodies::user_hit(cpu, hit, frame));
        let x = x.mask();
        let x = x.prepare();
        fpsimd::check(&x);
        tags::check(&x);
        x.restore()
    }

    pub(crate) fn undefined<P: Arm64Port>(taken: Taken<'_, P, El0Undefined>) -> Restored<'_, P, El0Undefined> {
        let x = taken.enter();
        tags::on(&x);
        let x = x.open();
        let x = x.run(P::Kernel::user_undefined);
        let x = x.mask();
        let x = x.prepare();
        fpsimd::check(&x);
        tags::check(&x);
        x.restore()
    }

    pub(crate) fn unhandled<P: Arm64Port>(taken: Taken<'_, P, El0Unhandled>) -> Restored<'_, P, El0Unhandled> {
        let x = taken.enter();
        tags::on(&x);
        let x = x.open();
        let x = x.run(P::Kernel::user_unhandled);
        let x = x.mask();
        let x = x.prepare();
        fpsimd::check(&x);
        tags::check(&x);
        x.restore()
    }

    pub(crate) fn irq<P: Arm64Port>(taken: Taken<'_, P, El0Irq>) -> Restored<'_, P, El0Irq> {
        interrupt::<P, El0Irq, Irq>(taken)
    }

    pub(crate) fn fiq<P: Arm64Port>(taken: Taken<'_, P, El0Fiq>) -> Restored<'_, P, El0Fiq> {
        interrupt::<P, El0Fiq, Fiq>(taken)
    }

    /// An NMI too: it comes by user mode's entry and exit, and the work loop runs.
    #[inline(always)]
    fn interrupt<P: Arm64Port, X: Class<Body = Then<NoNmi, Hardirq>, Counts = User>, L: Line>(
        taken: Taken<'_, P, X>,
    ) -> Restored<'_, P, X> {
        let x = taken.enter();
        tags::on(&x);
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
        fpsimd::check(&x);
        tags::check(&x);
        x.restore()
    }

    pub(crate) fn serror<P: Arm64Port>(taken: Taken<'_, P, El0Serror>) -> Restored<'_, P, El0Serror> {
        let x = taken.enter();
        tags::on(&x);
        let x = x.open();
        let x = x.run_nmi(bodies::user_serror);
        let x = x.then();
        let x = x.run(bodies::user_serror_opened);
        let x = x.mask();
        let x = x.prepare();
        fpsimd::check(&x);
        tags::check(&x);
        x.restore()
    }

    /// The exit of a system call that was never made (C59).
    pub(crate) fn first<P: Arm64Port>(
        cpu: Cpu<P::Kernel, Process>,
        frame: &mut Frame,
    ) -> Restored<'_, P, El0Svc> {
        // SAFETY: only `entry::first` calls this, outside every exception.
        let x = Exception::first(cpu, frame, unsafe { Key::new() });
        let x = x.mask();
        let x = x.prepare();
        fpsimd::first(&x);
        tags::check(&x);
        x.restore()
    }
}
