//! Run-time checks of what a body, a hook or the code below leaves behind, as in `broken_rules`: masks that are others afterwards,
//! counts, locks, and a changed frame.

use crate::broken_rules::{broken, kernel, user};
use crate::cpu::{IRQS, Simulated, with};
use crate::exceptions::{Exception, in_user_mode, take};
use crate::kernels::{Flavour, Recorded, TakingTurns, Test, Token, Watched, watched};
use crate::scenario::{at_text, change_masks, die, prepare_second, record, set, simulate, stop};
use vestibule::{Cpu, Flags, Hardirq, Inherit, IrqsSaved, Process, Resolved};
use vestibule_arm64::hardware::{A, D, DAIF_SHIFT, I};
use vestibule_arm64::{Daif, Frame};

#[test]
fn c13_the_scheduler_came_back_in_other_masks() {
    let report = user(Exception::Svc, "body", || {
        set(Flags::RESCHED);
        at_text("schedule", || change_masks(A | IRQS));
    });
    broken(&report, &["C13 at schedule"]);
}

#[test]
fn c13_user_work_left_irqs_masked() {
    for (flags, hook) in
        [(Flags::SIGNAL, "work signal"), (Flags::NOTIFY_RESUME, "work notify"), (Flags::OTHER, "work other")]
    {
        let report = user(Exception::Svc, "body", move || {
            set(flags);
            at_text(hook, || change_masks(IRQS));
        });
        broken(&report, &["C13 at user work"]);
    }
}

#[test]
fn c13_soft_interrupts_left_irqs_masked() {
    let report = kernel(Exception::Irq, "body", || {
        with(|state| state.softirqs = 1);
        at_text("softirqs run", || change_masks(IRQS));
    });
    broken(&report, &["C13 at soft interrupts"]);
}

/// Types do not see that two of them end in the order in which they began.
#[test]
fn c13_irqs_saved_out_of_order() {
    let report = simulate::<Watched>(|_cpu| {
        record();
        let first = IrqsSaved::<Watched>::save();
        let second = IrqsSaved::<Watched>::save();
        drop(first);
        assert_eq!(with(|state| state.daif), 0, "and `second` still says `NoIrq`");
        drop(second);
        stop();
    });
    broken(&report, &["C13 at IrqsSaved"]);
}

/// Nor that somebody sleeps inside.
#[test]
fn c13_irqs_saved_slept() {
    let report = simulate::<Watched>(|mut cpu| {
        record();
        let saved = IrqsSaved::<Watched>::save();
        cpu.schedule();
        drop(saved);
        stop();
    });
    broken(&report, &["C13 at IrqsSaved", "C23 at irqs on"]);
}

#[test]
fn c56_user_exit_with_a_lock_held() {
    for exception in [Exception::Svc, Exception::DataAbort, Exception::Irq] {
        let report = user(exception, "body", || with(|state| state.holds_lock = true));
        assert!(report.constraints()[0].starts_with("C56 at el0_"), "{:?}", report.constraints());
        assert_eq!(report.constraints().len(), 1);
    }
}

watched!(LeaksPreemption {
    fn syscall(mut cpu: Token<Self, Process>, _: &mut Frame) -> Token<Self, Process> {
        core::mem::forget(cpu.preempt_off());
        cpu
    }
    fn kernel_abort(cpu: Token<Self, Inherit>, _: &mut Frame) -> Token<Self, Inherit> {
        let mut resolved = cpu.resolve();
        if let Resolved::Process(cpu) = &mut resolved {
            core::mem::forget(cpu.preempt_off());
        }
        resolved.inherit()
    }
});

#[test]
fn c116_system_call_left_preemption_off() {
    let report = simulate::<Test<LeaksPreemption>>(|cpu| {
        in_user_mode(cpu, || {
            record();
            take(Exception::Svc);
        });
    });
    broken(&report, &["C116 at el0_svc"]);
}

#[test]
fn c116_abort_of_the_kernel_left_preemption_off() {
    let report = simulate::<Test<LeaksPreemption>>(|_cpu| {
        record();
        take(Exception::DataAbort);
        stop();
    });
    broken(&report, &["C116 at el1_abort"]);
}

watched!(ChangesFrames {
    fn interrupt(cpu: Token<Self, Hardirq>, frame: &mut Frame) -> Token<Self, Hardirq> {
        frame.pstate ^= u64::from(I) << DAIF_SHIFT;
        cpu
    }
    fn syscall(cpu: Token<Self, Process>, frame: &mut Frame) -> Token<Self, Process> {
        frame.pstate |= u64::from(D) << DAIF_SHIFT;
        cpu
    }
    fn user_abort(cpu: Token<Self, Process>, frame: &mut Frame) -> Token<Self, Process> {
        frame.pstate |= EL1H;
        cpu
    }
    fn user_step(cpu: Token<Self, Process>, frame: &mut Frame) -> Token<Self, Process> {
        frame.pstate |= AARCH32;
        cpu
    }
    fn kernel_abort(cpu: Token<Self, Inherit>, frame: &mut Frame) -> Token<Self, Inherit> {
        frame.pstate ^= PAN;
        cpu
    }
});

const EL1H: u64 = 0b00101;
const AARCH32: u64 = 0b10000;
const PAN: u64 = 1 << 22;

/// Nobody goes on after that here: the simulated CPU does not return to such a state.
fn until_seen(rule: &'static str) {
    at_text(rule, || {
        stop();
        die()
    });
}

#[test]
fn c45_an_interrupt_changed_the_interrupted_masks() {
    let report = simulate::<Test<ChangesFrames>>(|_cpu| {
        record();
        until_seen("!! C45");
        take(Exception::Irq);
    });
    broken(&report, &["C45 at el1_irq"]);
}

#[test]
fn c60_a_body_changed_where_user_mode_is() {
    for (exception, rule) in [
        (Exception::Svc, "C60 at el0_svc"),
        (Exception::DataAbort, "C60 at el0_abort"),
        (Exception::Step, "C60 at el0_step"),
        (Exception::Irq, "C60 at el0_irq"),
    ] {
        let report = simulate::<Test<ChangesFrames>>(move |cpu| {
            in_user_mode(cpu, || {
                record();
                until_seen("!! C60");
                take(exception);
            });
        });
        broken(&report, &[rule]);
    }
}

#[test]
fn c60_a_body_changed_what_the_kernel_may_reach() {
    let report = simulate::<Test<ChangesFrames>>(|_cpu| {
        record();
        until_seen("!! C60");
        take(Exception::DataAbort);
    });
    broken(&report, &["C60 at el1_abort"]);
}

/// With a scheduler that does switch.
enum TakesTurns {}
impl Flavour for TakesTurns {
    type Backend = Daif<Simulated>;
    type Scheduler = TakingTurns<Recorded>;
    type ContextTracking = vestibule::Tracked;
    type IrqTracing = vestibule::TrackedIrqs;
    type UserWork = Recorded;
    type SyscallWork = Recorded;
    type Softirqs = Recorded;
    type Checks = Recorded;
}

fn second(_: Cpu<Test<TakesTurns>, Process>, _: usize) -> ! {
    die()
}

#[test]
fn c116_a_task_switch_with_preemption_off() {
    let report = simulate::<Test<TakesTurns>>(|mut cpu| {
        prepare_second(second, 0);
        record();
        core::mem::forget(cpu.preempt_off());
        cpu.schedule();
    });
    broken(&report, &["C116 at schedule", "C116 at task switch"]);
}
