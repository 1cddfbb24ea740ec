//! Interrupts: hardirq accounting, the interrupt stack, soft interrupts.

use crate::cpu::with;
use crate::exceptions::{Exception, take};
use crate::kernels::Watched;
use crate::scenario::{at_text, pend, record, sound, sound_in_user_mode, stop};
use crate::steps::Report;
use expect_test::expect;

fn with_softirqs(passes: u32, scenario: impl FnOnce() + Send + 'static) -> Report {
    sound::<Watched>(move |_cpu| {
        with(|state| state.softirqs = passes);
        record();
        scenario();
    })
}

/// C96: what the body reads of the CPU is as it was at the acknowledgement or later.
#[test]
fn c96_acknowledgement_isb_body_end() {
    let report = with_softirqs(0, || take(Exception::Irq));
    let steps: String = report
        .all()
        .lines()
        .skip_while(|line| !line.contains("acknowledge"))
        .map(|line| line.trim().to_owned() + "\n")
        .take(5)
        .collect();
    expect![[r#"
        acknowledge 32
        ISB
        word +hardirq
        body interrupt [..IF] on the irq stack
        end of interrupt 32
    "#]]
    .assert_eq(&steps);
}

fn withdrawn(special: u64) -> String {
    let report = with_softirqs(1, move || {
        with(|state| state.faults.special = Some(special));
        take(Exception::Irq);
    });
    report.all()
}

/// No body and no end; counted all the same, and soft interrupts get their turn.
#[test]
fn one_that_was_withdrawn() {
    let steps = withdrawn(1023);
    assert!(!steps.contains("body") && !steps.contains("end of interrupt"), "{steps}");
    assert!(steps.contains("word +hardirq") && steps.contains("softirqs run"), "{steps}");
    assert_eq!(withdrawn(1020).replace("1020", "1023"), steps);
}

/// After the handler is uncounted, with interrupts on, on the same stack; with interrupts off again before the mask.
#[test]
fn softirqs_run_after_the_last_handler() {
    let report = with_softirqs(2, || take(Exception::Irq));
    expect![[r#"
        Irq from EL1 [....]
          belief := off
          SP := irq stack
          DAIFClr DA
          word +hardirq
          body interrupt [..IF] on the irq stack
          word -hardirq
          softirqs are pending
          word +softirq
          belief := prepared
          belief := on
          DAIFClr IF
          softirqs run [....] on the irq stack
          DAIFSet IF
          belief := off
          softirqs are pending
          belief := prepared
          belief := on
          DAIFClr IF
          softirqs run [....] on the irq stack
          DAIFSet IF
          belief := off
          no softirqs
          word -softirq
          DAIFSet DAIF
          SP := task stack
          belief := prepared
          belief := on
          ERET to EL1 [....]
    "#]]
    .assert_eq(&report.changes());
}

/// A nested interrupt finds the count: it leaves soft interrupts to the loop, stays on the interrupt stack, and preempts
/// nothing.
#[test]
fn an_interrupt_in_softirqs_leaves_them_to_the_loop() {
    let report = with_softirqs(1, || {
        at_text("softirqs run", || {
            crate::scenario::set(crate::kernels::RESCHED);
            with(|state| state.softirqs = 1);
            pend(Exception::Irq);
        });
        take(Exception::Irq);
    });
    expect![[r#"
        Irq from EL1 [....]
          belief := off
          SP := irq stack
          DAIFClr DA
          word +hardirq
          body interrupt [..IF] on the irq stack
          word -hardirq
          softirqs are pending
          word +softirq
          belief := prepared
          belief := on
          DAIFClr IF
          softirqs run [....] on the irq stack
          word sets resched
          Irq from EL1 [....]
            belief := off
            DAIFClr DA
            word +hardirq
            body interrupt [..IF] on the irq stack
            word -hardirq
            DAIFSet DAIF
            belief := prepared
            belief := on
            ERET to EL1 [....]
          DAIFSet IF
          belief := off
          softirqs are pending
          belief := prepared
          belief := on
          DAIFClr IF
          softirqs run [....] on the irq stack
          DAIFSet IF
          belief := off
          no softirqs
          word -softirq
          DAIFSet DAIF
          SP := task stack
          DAIFClr DA
          schedule KernelExit("el1_irq") [..IF] on the task stack
          word clears resched resched-lazy
          DAIFSet DAIF
          belief := prepared
          belief := on
          ERET to EL1 [....]
    "#]]
    .assert_eq(&report.changes());
}

/// Somebody who always has more to do does not keep the CPU.
#[test]
fn softirqs_stop_after_eight_passes() {
    let report = with_softirqs(100, || take(Exception::Irq));
    assert_eq!(report.kernel().matches("softirqs run").count(), 8, "{}", report.changes());
    assert!(report.changes().ends_with("  belief := on\n  ERET to EL1 [....]\n"), "{}", report.changes());
}

/// Code that has only preemption off is no interrupt: soft interrupts run.
#[test]
fn softirqs_run_over_code_with_preemption_off() {
    let report = sound::<Watched>(|mut cpu| {
        let _off = cpu.preempt_off();
        with(|state| state.softirqs = 1);
        record();
        take(Exception::Irq);
        stop();
    });
    expect![[r#"
          body interrupt [..IF] on the irq stack
          softirqs run [....] on the irq stack
    "#]]
    .assert_eq(&report.kernel());
}

#[test]
fn softirqs_run_on_the_way_to_user_mode() {
    let report = sound_in_user_mode::<Watched>(|| {
        with(|state| state.softirqs = 1);
        record();
        take(Exception::Irq);
    });
    expect![[r#"
        Irq from EL0
          belief := off
          watching: yes
          nesting := kernel
          SP := irq stack
          DAIFClr DA
          word +hardirq
          body interrupt [..IF] on the irq stack
          word -hardirq
          softirqs are pending
          word +softirq
          belief := prepared
          belief := on
          DAIFClr IF
          softirqs run [....] on the irq stack
          DAIFSet IF
          belief := off
          no softirqs
          word -softirq
          DAIFSet DAIF
          SP := task stack
          belief := prepared
          nesting := 0
          watching: no
          belief := on
          ERET to EL0
    "#]]
    .assert_eq(&report.changes());
}
