//! The task switch, with two tasks that really take turns.

use crate::cpu::{ALL, IRQS, Simulated, step};
use crate::exceptions::{Exception, take};
use crate::kernels::{Flavour, RESCHED, Recorded, TakingTurns, Test, runs};
use crate::scenario::{at_text, change_masks, die, pend, prepare_second, record, set, simulate, sound, stop};
use expect_test::expect;
use vestibule::{Cpu, Process, Tracked, TrackedIrqs};
use vestibule_arm64::Daif;
use vestibule_arm64::hardware::{A, D, F, I};

enum TwoTasks {}
impl Flavour for TwoTasks {
    type Backend = Daif<Simulated>;
    type Scheduler = TakingTurns<Recorded>;
    type ContextTracking = Tracked;
    type IrqTracing = TrackedIrqs;
    type UserWork = Recorded;
    type SyscallWork = Recorded;
    type Softirqs = Recorded;
    type Checks = Recorded;
}
type Switching = Test<TwoTasks>;

/// The second task: an interrupt comes, then it lets the first run again, for good.
fn second(mut cpu: Cpu<Switching, Process>, argument: usize) -> ! {
    runs(&format!("second task runs with {argument}"));
    pend(Exception::Irq);
    step("(an interrupt comes)");
    cpu.schedule();
    die()
}

/// Preempted by the exit of an abort: the second task begins with everything masked, is opened step by step, takes an
/// interrupt on the same interrupt stack, and gives the CPU back to the middle of the first one's exit.
#[test]
fn preempted_for_a_new_task_and_back() {
    let report = sound::<Switching>(|_cpu| {
        prepare_second(second, 7);
        set(RESCHED);
        record();
        take(Exception::DataAbort);
        stop();
    });
    expect![[r#"
        DataAbort from EL1 [....]
          belief := off
          belief := prepared
          belief := on
          write DAIF ....
          body kernel_abort [....] on the task stack
          DAIFSet DAIF
          belief := off
          DAIFClr DA
          schedule KernelExit("el1_abort") [..IF] on the task stack
          word clears resched resched-lazy
          DAIFSet DA
          switch to second
        DAIFClr DA
        body finish_switch [..IF] on the task stack
        belief := prepared
        belief := on
        DAIFClr IF
        second task runs with 7 [....] on the task stack
        (an interrupt comes)
        Irq from EL1 [....]
          belief := off
          SP := irq stack
          DAIFClr DA
          word +hardirq
          body interrupt [..IF] on the irq stack
          word -hardirq
          no softirqs
          DAIFSet DAIF
          SP := task stack
          belief := prepared
          belief := on
          ERET to EL1 [....]
        DAIFSet IF
        belief := off
        schedule Asked [..IF] on the task stack
        word clears resched resched-lazy
        DAIFSet DA
        switch to task
          DAIFClr DA
          DAIFSet DAIF
          belief := prepared
          belief := on
          ERET to EL1 [....]
    "#]]
    .assert_eq(&report.changes());
}

/// C28: the masks are the CPU's, and whoever is switched to takes over what is here. Every value but the right one is
/// reported.
#[test]
fn c28_switched_with_other_masks() {
    for masks in 0..=ALL {
        let report = simulate::<Switching>(move |mut cpu| {
            prepare_second(second, 7);
            record();
            at_text("schedule", move || change_masks(masks));
            cpu.schedule();
            stop();
        });
        let reported = report.constraints().contains(&"C28 at task switch".to_string());
        assert_eq!(reported, masks != IRQS, "{masks:04b}\n{}", report.all());
    }
    assert_eq!((D, A, I, F), (8, 4, 2, 1));
}
