//! Involuntary preemption on the way back to the kernel: when, when not, and in what context.

use crate::exceptions::{Exception, take};
use crate::kernels::{RESCHED, Watched};
use crate::scenario::{at_text, current_word, record, set, set_remotely, simulate_task, sound, stop};
use crate::steps::Report;
use expect_test::{Expect, expect};
use vestibule::{Flags, TaskWord};

/// Every exception of the kernel that a body can be for.
const EXCEPTIONS: [Exception; 5] =
    [Exception::DataAbort, Exception::Undefined, Exception::Irq, Exception::Brk, Exception::CorrectedError];

fn wanted(flags: Flags, exception: Exception) -> Report {
    sound::<Watched>(move |_cpu| {
        set(flags);
        record();
        take(exception);
    })
}

fn is_wanted_at_the_end(report: &Report) -> bool {
    report.end.as_ref().expect("it lives").word.work().any_of(RESCHED)
}

fn changes(report: &Report, expected: Expect) {
    expected.assert_eq(&report.changes());
}

#[test]
fn an_abort_preempts() {
    let report = wanted(RESCHED, Exception::DataAbort);
    expect![[r#"
        DataAbort from EL1 [....]
          read ELR
          write frame.pc
          read SPSR
          write frame.pstate
          read ESR
          write frame.syndrome
          read FAR
          write frame.fault_address
          read DAIF
          load word
          load belief
          read DAIF
          belief := off
          load watching
          load watching
          read frame.pstate
          load watching
          belief := prepared
          read DAIF
          load belief
          belief := on
          read frame.pstate
          write DAIF ....
          read DAIF
          body kernel_abort [....] on the task stack
          read DAIF
          read frame.pstate
          DAIFSet DAIF
          read frame.pstate
          read DAIF
          belief := off
          load watching
          read frame.pstate
          load watching
          load word
          read SP
          load word
          read frame.pstate
          DAIFClr DA
          schedule KernelExit("el1_abort") [..IF] on the task stack
          word clears resched resched-lazy
          read DAIF
          DAIFSet DAIF
          load word
          read DAIF
          read frame.pstate
          load watching
          belief := prepared
          read DAIF
          load belief
          belief := on
          read frame.pc
          write ELR
          read frame.pstate
          write SPSR
          ERET to EL1 [....]
    "#]]
    .assert_eq(&report.all());
}

/// On the task's stack again, uncounted.
#[test]
fn an_interrupt_preempts() {
    changes(
        &wanted(RESCHED, Exception::Irq),
        expect![[r#"
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
          DAIFClr DA
          schedule KernelExit("el1_irq") [..IF] on the task stack
          word clears resched resched-lazy
          DAIFSet DAIF
          belief := prepared
          belief := on
          ERET to EL1 [....]
    "#]],
    );
}

#[test]
fn an_undefined_instruction_preempts() {
    expect![[r#"
          body kernel_undefined [....] on the task stack
          schedule KernelExit("el1_undefined") [..IF] on the task stack
    "#]]
    .assert_eq(&wanted(RESCHED, Exception::Undefined).kernel());
}

/// C35.
#[test]
fn brk_and_serror_never_preempt() {
    for exception in [Exception::Brk, Exception::CorrectedError] {
        let report = wanted(RESCHED, exception);
        assert!(!report.all().contains("schedule"), "{}", report.all());
        assert!(is_wanted_at_the_end(&report));
    }
}

/// C33: lazily wanted waits for the return to user mode.
#[test]
fn lazy_does_not_preempt() {
    for exception in EXCEPTIONS {
        let report = wanted(Flags::RESCHED_LAZY, exception);
        assert!(!report.all().contains("schedule"), "{}", report.all());
    }
}

/// C30.
#[test]
fn code_with_irqs_off_is_not_preempted() {
    for exception in EXCEPTIONS.into_iter().filter(|exception| *exception != Exception::Irq) {
        let report = sound::<Watched>(move |mut cpu| {
            let _off = cpu.irqs_off();
            set(RESCHED);
            record();
            take(exception);
            stop();
            assert!(current_word().work().any_of(RESCHED));
        });
        assert!(!report.all().contains("schedule"), "{}", report.all());
    }
}

/// C33, C38: it waits for the count, and the count's end does it.
#[test]
fn code_with_preemption_off_is_preempted_when_it_is_on_again() {
    let report = sound::<Watched>(|mut cpu| {
        let off = cpu.preempt_off();
        record();
        at_text("body interrupt", || set(RESCHED));
        take(Exception::Irq);
        drop(off);
    });
    changes(
        &report,
        expect![[r#"
        Irq from EL1 [....]
          belief := off
          SP := irq stack
          DAIFClr DA
          word +hardirq
          body interrupt [..IF] on the irq stack
          word sets resched
          word -hardirq
          no softirqs
          DAIFSet DAIF
          SP := task stack
          belief := prepared
          belief := on
          ERET to EL1 [....]
        word -preempt
        DAIFSet IF
        belief := off
        schedule PreemptionEnabled [..IF] on the task stack
        word clears resched resched-lazy
        belief := prepared
        belief := on
        DAIFClr IF
    "#]],
    );
}

/// C31.
#[test]
fn the_idle_task_is_not_preempted() {
    for exception in EXCEPTIONS {
        let report = simulate_task::<Watched>(TaskWord::idle(), move |_cpu| {
            set(RESCHED);
            record();
            take(exception);
        });
        report.assert_sound();
        assert!(!report.all().contains("schedule"), "{}", report.all());
        assert!(is_wanted_at_the_end(&report));
    }
}

/// C38: each return of `schedule` is followed by another look.
#[test]
fn wanted_again_while_another_ran() {
    let report = sound::<Watched>(|_cpu| {
        set(RESCHED);
        record();
        at_text("word clears", || set(RESCHED));
        take(Exception::DataAbort);
    });
    expect![[r#"
          body kernel_abort [....] on the task stack
          schedule KernelExit("el1_abort") [..IF] on the task stack
          schedule KernelExit("el1_abort") [..IF] on the task stack
    "#]]
    .assert_eq(&report.kernel());
    assert!(!is_wanted_at_the_end(&report));
}

#[test]
fn wanted_again_where_preemption_was_switched_on() {
    let report = sound::<Watched>(|mut cpu| {
        let off = cpu.preempt_off();
        set(RESCHED);
        record();
        at_text("word clears", || set(RESCHED));
        drop(off);
    });
    assert_eq!(report.kernel().matches("schedule PreemptionEnabled").count(), 2, "{}", report.changes());
    assert!(!is_wanted_at_the_end(&report));
}

#[test]
fn a_handler_wants_it() {
    let report = sound::<Watched>(|_cpu| {
        record();
        at_text("body interrupt", || set(RESCHED));
        take(Exception::Irq);
    });
    expect![[r#"
          body interrupt [..IF] on the irq stack
          schedule KernelExit("el1_irq") [..IF] on the task stack
    "#]]
    .assert_eq(&report.kernel());
}

/// Another CPU sets the flag when the last look is over: its interrupt is taken at once after the return, and finds it.
#[test]
fn a_remote_flag_after_the_last_look_is_not_lost() {
    let report = sound::<Watched>(|_cpu| {
        record();
        at_text("write SPSR", || set_remotely(RESCHED));
        take(Exception::DataAbort);
    });
    changes(
        &report,
        expect![[r#"
        DataAbort from EL1 [....]
          belief := off
          belief := prepared
          belief := on
          write DAIF ....
          body kernel_abort [....] on the task stack
          DAIFSet DAIF
          belief := off
          belief := prepared
          belief := on
          other CPU: word sets resched
          ERET to EL1 [....]
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
            DAIFClr DA
            schedule KernelExit("el1_irq") [..IF] on the task stack
            word clears resched resched-lazy
            DAIFSet DAIF
            belief := prepared
            belief := on
            ERET to EL1 [....]
    "#]],
    );
    assert!(!is_wanted_at_the_end(&report));
}
