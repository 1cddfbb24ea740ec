//! What a body and a guard meet where masks are odd, nested or the idle task's: each of these was a way to go wrong once.

use crate::cpu::{IRQS, with};
use crate::exceptions::{Exception, take};
use crate::kernels::{RESCHED, Test, Token, Watched, watched};
use crate::scenario::{at_text, change_masks, record, set, simulate, simulate_task, stop};
use vestibule::{Inherit, IrqsSaved, Resolved, TaskWord};
use vestibule_arm64::Frame;
use vestibule_arm64::hardware::{A, D};

/// C6 is more than interrupts: a body that leaves SError masked in code that had it open, and one that opens it in code
/// that had it masked.
#[test]
fn c6_looks_at_every_mask() {
    for (interrupted, left) in [(IRQS, A | IRQS), (D | A | IRQS, IRQS)] {
        let report = simulate::<Watched>(move |mut cpu| {
            let _off = cpu.irqs_off();
            change_masks(interrupted);
            record();
            at_text("body", move || change_masks(left));
            take(Exception::DataAbort);
            stop();
        });
        assert_eq!(report.constraints(), ["C6 at el1_abort"]);
    }
}

/// Masks of none of the five contexts, with interrupts open: entry and exit both take them for the stricter, so nobody is
/// blamed and nothing preempts.
#[test]
fn c30_masks_that_are_no_context_are_not_preempted() {
    for masks in [A, D, D | A] {
        let report = simulate::<Watched>(move |_cpu| {
            change_masks(masks);
            set(RESCHED);
            record();
            take(Exception::DataAbort);
            stop();
        });
        assert_eq!(report.constraints(), [""; 0], "{}", report.all());
        assert!(!report.kernel().contains("schedule"), "{}", report.all());
    }
}

watched!(AsksInFault {
    fn kernel_abort(cpu: Token<Self, Inherit>, _: &mut Frame) -> Token<Self, Inherit> {
        match cpu.resolve() {
            Resolved::Process(mut cpu) => {
                cpu.schedule();
                Resolved::Process(cpu).inherit()
            }
            masked => masked.inherit(),
        }
    }
});

/// C71: what was entered as `irq_enter` never schedules: a fault of the idle task may not sleep, one of another task may.
#[test]
fn c71_only_the_idle_task_may_not_sleep_in_a_fault() {
    for (word, sleeps) in [(TaskWord::idle(), false), (TaskWord::new(), true)] {
        let report = simulate_task::<Test<AsksInFault>>(word, |_cpu| {
            record();
            take(Exception::DataAbort);
        });
        assert_eq!(report.constraints(), [""; 0]);
        assert_eq!(report.changes().contains("schedule Asked"), sleeps, "{}", report.changes());
    }
}

/// The end of a preemption-off region inside `IrqsSaved` leaves interrupts masked, and the flag for the next exit.
#[test]
fn preemption_waits_for_irqs_saved() {
    let report = simulate::<Watched>(|mut cpu| {
        let preempt_off = cpu.preempt_off();
        record();
        let saved = IrqsSaved::<Watched>::save();
        set(RESCHED);
        drop(preempt_off);
        assert_eq!(with(|state| state.daif), IRQS, "as its token says");
        drop(saved);
        take(Exception::Irq);
        stop();
    });
    assert_eq!(report.constraints(), [""; 0]);
    assert!(report.kernel().contains("schedule KernelExit(\"el1_irq\")"), "{}", report.kernel());
}
