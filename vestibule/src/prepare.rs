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

use crate::hooks::{check, check_context, reschedule};
use crate::masks::{lower, mask};
use crate::*;

impl Prepares for Regular {
    /// Involuntary preemption: only of code that had interrupts on (C30), never of the idle task's wait (C31), of any
    /// class that counts as `Regular` (C32). The look comes first: it seldom finds anything, and then nothing else is asked.
    #[inline(always)]
    fn prepare<P: Port, X: Class>(idle: &bool, frame: &mut FrameOf<P::Kernel>, _: Step<Self>) {
        check_interruptible::<P, X>(frame);
        let mut wanted = look::<P>().wants_preemption();
        if wanted {
            core::hint::cold_path();
            wanted = !*idle && irqs_were_on::<P::Kernel>(frame);
        }
        while wanted {
            lower::<P, Critical, NoIrq>();
            reschedule::<P::Kernel>(Why::KernelExit(X::NAME));
            mask::<P, NoIrq>();
            wanted = look::<P>().wants_preemption();
        }
    }
}

impl<U: FromUser> Prepares for U {
    /// The work loop. Rescheduling needs no more than `NoIrq`; only what runs for the task itself opens everything.
    #[inline(always)]
    fn prepare<P: Port, X: Class>((): &(), frame: &mut FrameOf<P::Kernel>, _: Step<Self>) {
        check::<P::Kernel>(MachineOf::<P>::on_task_stack, 34, X::NAME);
        check::<P::Kernel>(|| look::<P>().is_preemptible(), 116, X::NAME);
        loop {
            let work = look::<P>().work();
            if work.is_empty() {
                check::<P::Kernel>(<P::Kernel as Kernel>::Checks::holds_nothing, 56, X::NAME);
                return;
            }
            core::hint::cold_path();
            lower::<P, Critical, NoIrq>();
            if work.wants_schedule() {
                reschedule::<P::Kernel>(Why::UserExit);
            }
            if work.without_schedule().is_empty() {
                mask::<P, NoIrq>();
            } else {
                lower::<P, NoIrq, Process>();
                run_user_work::<P>(work, frame);
                mask::<P, Process>();
            }
        }
    }
}

/// The look (C33, C52): one read, by the CPU that runs the task, with everything masked.
fn look<P: Port>() -> Word {
    Cpu::<P::Kernel, Critical>::assume(Step::new()).task_word().read::<MachineOf<P>>()
}

/// Signals before the rest; work that raises a signal relies on the loop's next look (C54).
#[inline(always)]
fn run_user_work<P: Port>(work: Flags, frame: &mut FrameOf<P::Kernel>) {
    let mut cpu = Cpu::<P::Kernel, Process>::assume(Step::new());
    if work.any_of(Flags::SIGNAL) {
        cpu = <P::Kernel as Kernel>::UserWork::signal(cpu, frame);
    }
    if work.any_of(Flags::NOTIFY_RESUME) {
        cpu = <P::Kernel as Kernel>::UserWork::notify_resume(cpu, frame);
    }
    if work.any_of(Flags::OTHER) {
        let _back = <P::Kernel as Kernel>::UserWork::other(cpu, frame);
    }
    check_context::<P::Kernel, Process>(13, "user work");
}

/// On every exit to interruptible code, preempting or not: a path that gets here unwatched, or on the wrong stack, is
/// wrong even if it seldom schedules (C126).
#[inline(always)]
fn check_interruptible<P: Port, X: Class>(frame: &FrameOf<P::Kernel>) {
    if <P::Kernel as Kernel>::Checks::ON && irqs_were_on::<P::Kernel>(frame) {
        check::<P::Kernel>(<P::Kernel as Kernel>::ContextTracking::watching, 126, X::NAME);
        check::<P::Kernel>(|| look::<P>().in_interrupt() || MachineOf::<P>::on_task_stack(), 126, X::NAME);
    }
}
