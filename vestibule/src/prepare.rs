//! The prepare step: what an exit does before it returns. Everything is masked already; only if the look finds
//! something does the exit open up again, do it, mask, and look again:
//!
//! ```text
//!   mask --> look --nothing--> restore
//!             | ^
//!     wanted  v | mask
//!           open, work         NoIrq for preemption, up to Process for user work
//! ```
//!
//! The look is a pure read of the task's word. Another CPU may set a flag right after it: its interrupt stays pending
//! until the return, which it then takes at once.

use crate::hooks::check;
use crate::masks::{lower, mask};
use crate::{
    Cause, Class, ContextTracking, Cpu, Critical, FrameOf, FromUser, Kernel, Machine, NoIrq, Port, Prepares, Process,
    Regular, Scheduler, Step, UserWork,
};
use crate::{Flags, FromIdle};

impl Prepares for Regular {
    /// Involuntary preemption: only of code that had interrupts on (C30), never of the idle task's wait (C31), of any
    /// class that counts as `Regular` (C32).
    #[inline(always)]
    fn prepare<P: Port, X: Class>(
        mut cpu: Cpu<P::Kernel, Critical>,
        FromIdle(idle): &FromIdle,
        frame: &mut FrameOf<P::Kernel>,
        _: Step,
    ) -> Cpu<P::Kernel, Critical> {
        let irqs_were_on = MachineOf::<P>::irqs_were_on(frame);
        if irqs_were_on {
            check_interruptible::<P, X>(&cpu);
        }
        while irqs_were_on && !*idle && cpu.task_word().read::<MachineOf<P>>().wants_preemption() {
            core::hint::cold_path();
            let open = lower::<P, Critical, NoIrq>(cpu);
            let open = <P::Kernel as Kernel>::Scheduler::schedule(open, Cause::KernelExit(X::NAME));
            cpu = mask::<P, NoIrq>(open);
        }
        cpu
    }
}

impl<U: FromUser> Prepares for U {
    /// The work loop. Rescheduling needs no more than `NoIrq`; only what runs for the task itself opens everything.
    #[inline(always)]
    fn prepare<P: Port, X: Class>(
        mut cpu: Cpu<P::Kernel, Critical>,
        (): &(),
        frame: &mut FrameOf<P::Kernel>,
        _: Step,
    ) -> Cpu<P::Kernel, Critical> {
        check::<P::Kernel>(MachineOf::<P>::on_task_stack, 34, X::NAME);
        check::<P::Kernel>(|| cpu.task_word().read::<MachineOf<P>>().is_preemptible(), 116, X::NAME);
        loop {
            let work = cpu.task_word().read::<MachineOf<P>>().work();
            if work.is_empty() {
                return cpu;
            }
            core::hint::cold_path();
            let mut open = lower::<P, Critical, NoIrq>(cpu);
            if work.wants_schedule() {
                open = <P::Kernel as Kernel>::Scheduler::schedule(open, Cause::UserExit);
            }
            cpu = if work.without_schedule().is_empty() {
                mask::<P, NoIrq>(open)
            } else {
                mask::<P, Process>(run_user_work::<P>(lower::<P, NoIrq, Process>(open), work, frame))
            };
        }
    }
}

/// Signals before the rest; work that raises a signal relies on the loop's next look (C54).
#[inline(always)]
fn run_user_work<P: Port>(
    mut cpu: Cpu<P::Kernel, Process>,
    work: Flags,
    frame: &mut FrameOf<P::Kernel>,
) -> Cpu<P::Kernel, Process> {
    if work.any_of(Flags::SIGNAL) {
        cpu = <P::Kernel as Kernel>::UserWork::signal(cpu, frame);
    }
    if work.any_of(Flags::NOTIFY_RESUME) {
        cpu = <P::Kernel as Kernel>::UserWork::notify_resume(cpu, frame);
    }
    if work.any_of(Flags::OTHER) {
        cpu = <P::Kernel as Kernel>::UserWork::other(cpu, frame);
    }
    cpu
}

/// On every exit to interruptible code, preempting or not: a path that gets here unwatched, or on the wrong stack, is
/// wrong even if it seldom schedules (C126).
#[inline(always)]
fn check_interruptible<P: Port, X: Class>(cpu: &Cpu<P::Kernel, Critical>) {
    check::<P::Kernel>(<P::Kernel as Kernel>::ContextTracking::watching, 126, X::NAME);
    check::<P::Kernel>(
        || cpu.task_word().read::<MachineOf<P>>().in_interrupt() || MachineOf::<P>::on_task_stack(),
        126,
        X::NAME,
    );
}

type MachineOf<P> = <<P as Port>::Kernel as Kernel>::Machine;
