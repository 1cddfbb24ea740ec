//! What the library does not see yet: each test plants a bug that no check reports, or shows a rule that is broken. One
//! that is closed fails here, and moves to the tests of what is seen.

use crate::cpu::{IRQS, with};
use crate::exceptions::{Exception, in_user_mode, take};
use crate::kernels::{RESCHED, Test, Token, Watched, watched};
use crate::memory::Cell;
use crate::scenario::{at_text, change_masks, corrupt, record, set, simulate, simulate_task, stop};
use vestibule::{Inherit, IrqsSaved, Resolved, TaskWord};
use vestibule_arm64::Frame;
use vestibule_arm64::hardware::{A, D};

/// C6 is more than interrupts: a body that leaves SError masked in code that had it open, and one that opens it in code
/// that had it masked.
#[test]
fn c6_looks_at_interrupts_alone() {
    for (interrupted, left) in [(IRQS, A | IRQS), (D | A | IRQS, IRQS)] {
        let report = simulate::<Watched>(move |mut cpu| {
            let _off = cpu.irqs_off();
            change_masks(interrupted);
            record();
            at_text("body", move || change_masks(left));
            take(Exception::DataAbort);
            stop();
        });
        assert_eq!(report.constraints(), [""; 0]);
    }
}

/// Masks of none of the five contexts, with interrupts open: `level` rounds to the stricter, `irqs_were_on` does not. A
/// body that did nothing is reported, and its exit preempts.
#[test]
fn c6_blames_the_body_for_masks_that_are_no_context() {
    for masks in [A, D, D | A] {
        let report = simulate::<Watched>(move |_cpu| {
            change_masks(masks);
            set(RESCHED);
            record();
            take(Exception::DataAbort);
            stop();
        });
        assert_eq!(report.constraints(), ["C6 at el1_abort"], "{}", report.all());
        assert!(report.kernel().contains("schedule KernelExit"), "{}", report.all());
    }
}

/// C67: that the count went down once too often is not seen where it happens, but by whoever goes to sleep next.
#[test]
fn c67_an_exit_too_many_is_seen_late() {
    let report = simulate::<Watched>(|cpu| {
        in_user_mode(cpu, || {
            record();
            at_text("body", || corrupt(Cell::Nesting, |nesting| nesting - 2));
            take(Exception::Svc);
        });
    });
    assert_eq!(report.constraints(), ["C70 at enter the quiescent state"]);
}

watched!(SleepsInFault {
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

/// C71: what was entered as `irq_enter` never schedules. `resolve` gives `Process` to a fault of the idle task.
#[test]
fn c71_the_idle_task_sleeps_in_a_fault() {
    let report = simulate_task::<Test<SleepsInFault>>(TaskWord::idle(), |_cpu| {
        record();
        take(Exception::DataAbort);
    });
    assert_eq!(report.constraints(), [""; 0]);
    let changes = report.changes();
    let (before, _) = changes.split_once("schedule Asked").expect("it sleeps");
    assert!(before.contains("nesting := kernel+2"), "{changes}");
}

/// The end of a preemption-off region inside `IrqsSaved`: preempts, and opens interrupts under the guard that lives on.
#[test]
fn preemption_opens_interrupts_under_irqs_saved() {
    let report = simulate::<Watched>(|mut cpu| {
        let preempt_off = cpu.preempt_off();
        record();
        let saved = IrqsSaved::<Watched>::save();
        set(RESCHED);
        drop(preempt_off);
        assert_eq!(with(|state| state.daif), 0, "and its token still says `NoIrq`");
        drop(saved);
        stop();
    });
    assert_eq!(report.constraints(), ["C23 at irqs on"], "only where the guard ends");
}

/// Two of them that end in the order in which they began.
#[test]
fn irqs_saved_do_not_nest_by_type() {
    let report = simulate::<Watched>(|_cpu| {
        record();
        let first = IrqsSaved::<Watched>::save();
        let second = IrqsSaved::<Watched>::save();
        drop(first);
        assert_eq!(with(|state| state.daif), 0, "and `second` still says `NoIrq`");
        drop(second);
        stop();
    });
    assert_eq!(report.constraints(), [""; 0]);
}
