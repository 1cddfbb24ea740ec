//! The idle task's wait, and what comes into it.

use crate::exceptions::{Exception, take};
use crate::kernels::{RESCHED, Watched};
use crate::scenario::{at_text, current_word, pend, record, set, set_remotely, simulate_task};
use crate::steps::Report;
use expect_test::expect;
use vestibule::{Cpu, Flags, Process, TaskWord};

fn as_idle(scenario: impl FnOnce(Cpu<Watched, Process>) + Send + 'static) -> Report {
    let report = simulate_task::<Watched>(TaskWord::idle(), move |cpu| {
        record();
        scenario(cpu);
    });
    report.assert_sound();
    let end = report.end.as_ref().expect("it lives");
    assert!(end.watching && end.nesting == "kernel" && end.belief == "on", "{end:?}");
    report
}

/// What wakes it is taken after the wait, watched.
#[test]
fn waits_until_an_interrupt_comes() {
    let report = as_idle(|mut cpu| {
        at_text("WFI", || set_remotely(RESCHED));
        cpu.idle();
        assert!(current_word().work().any_of(RESCHED));
    });
    expect![[r#"
        DAIFSet IF
        belief := off
        nesting := 0
        watching: no
        WFI
        other CPU: word sets resched
        watching: yes
        nesting := kernel
        belief := prepared
        belief := on
        DAIFClr IF
        Irq from EL1 [....]
          belief := off
          nesting := kernel+2
          SP := irq stack
          DAIFClr DA
          word +hardirq
          body interrupt [..IF] on the irq stack
          word -hardirq
          no softirqs
          DAIFSet DAIF
          SP := task stack
          belief := prepared
          nesting := kernel
          belief := on
          ERET to EL1 [....]
    "#]]
    .assert_eq(&report.changes());
}

#[test]
fn does_not_wait_if_it_is_wanted_elsewhere() {
    for flag in [RESCHED, Flags::RESCHED_LAZY] {
        let report = as_idle(move |mut cpu| {
            set(flag);
            cpu.idle();
        });
        assert!(!report.all().contains("WFI"), "{}", report.all());
    }
}

/// It wakes tracking and puts it to sleep again.
#[test]
fn an_error_in_the_wait() {
    let report = as_idle(|mut cpu| {
        at_text("WFI", || pend(Exception::CorrectedError));
        cpu.idle();
    });
    expect![[r#"
        DAIFSet IF
        belief := off
        nesting := 0
        watching: no
        WFI
        CorrectedError from EL1 [..IF]
          word +hardirq +nmi
          watching: yes
          nesting := 1
          DAIFClr D
          body serror_corrected [.AIF] on the task stack
          DAIFSet DAIF
          nesting := 0
          watching: no
          word -hardirq -nmi
          ERET to EL1 [..IF]
        watching: yes
        nesting := kernel
        belief := prepared
        belief := on
        DAIFClr IF
    "#]]
    .assert_eq(&report.changes());
}

/// C17: counted although it was watched, so that what nests in it does not take itself for the outermost.
#[test]
fn an_interrupt_outside_the_wait() {
    let report = as_idle(|_cpu| take(Exception::Irq));
    expect![[r#"
        Irq from EL1 [....]
          read ELR
          write frame.pc
          read SPSR
          write frame.pstate
          read DAIF
          load word
          load belief
          read DAIF
          belief := off
          load watching
          load nesting
          nesting := kernel+2
          load watching
          load watching
          read SP
          SP := irq stack
          DAIFClr DA
          acknowledge 32
          ISB
          word +hardirq
          body interrupt [..IF] on the irq stack
          end of interrupt 32
          read DAIF
          word -hardirq
          no softirqs
          DAIFSet DAIF
          SP := task stack
          read frame.pstate
          load watching
          load word
          read SP
          load word
          read DAIF
          read frame.pstate
          load watching
          belief := prepared
          load nesting
          load watching
          nesting := kernel
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

#[test]
fn an_abort_in_an_interrupt() {
    let report = as_idle(|_cpu| {
        at_text("body interrupt", || take(Exception::DataAbort));
        take(Exception::Irq);
    });
    expect![[r#"
        Irq from EL1 [....]
          belief := off
          nesting := kernel+2
          SP := irq stack
          DAIFClr DA
          word +hardirq
          body interrupt [..IF] on the irq stack
          DataAbort from EL1 [..IF]
            nesting := kernel+4
            write DAIF ..IF
            body kernel_abort [..IF] on the irq stack
            DAIFSet DAIF
            nesting := kernel+2
            ERET to EL1 [..IF]
          word -hardirq
          no softirqs
          DAIFSet DAIF
          SP := task stack
          belief := prepared
          nesting := kernel
          belief := on
          ERET to EL1 [....]
    "#]]
    .assert_eq(&report.changes());
}

/// An exception in the middle of the wait, by code that nothing watches: an abort there is an accident, and still leaves
/// tracking as it found it.
#[test]
fn an_abort_in_the_wait() {
    let report = as_idle(|mut cpu| {
        at_text("WFI", || take(Exception::DataAbort));
        cpu.idle();
    });
    expect![[r#"
        DAIFSet IF
        belief := off
        nesting := 0
        watching: no
        WFI
        DataAbort from EL1 [..IF]
          watching: yes
          nesting := 1
          write DAIF ..IF
          body kernel_abort [..IF] on the task stack
          DAIFSet DAIF
          nesting := 0
          watching: no
          ERET to EL1 [..IF]
        watching: yes
        nesting := kernel
        belief := prepared
        belief := on
        DAIFClr IF
    "#]]
    .assert_eq(&report.changes());
}
