//! NMIs, by priority and with superpriority: both ways into one, what masks it, and that everything else is as it was without.

use crate::cpu::{IRQS, with};
use crate::exceptions::{Exception, take};
use crate::kernels::{RESCHED, Subject, WatchedAllInt, WatchedPmr};
use crate::scenario::{
    at_text, change_masks, from_user, pend, record, set_remotely, simulate_task, sound, stop, with_irqs_off,
    with_irqs_on,
};
use crate::steps::Report;
use expect_test::expect;
use vestibule::TaskWord;
use vestibule_arm64::hardware::{A, D};

/// Nobody writes the priority mask for a system call or a fault, wherever it comes from.
#[test]
fn what_is_no_interrupt_leaves_the_priority_mask_alone() {
    for report in [
        from_user::<WatchedPmr>(Exception::Svc),
        from_user::<WatchedPmr>(Exception::DataAbort),
        with_irqs_on::<WatchedPmr>(Exception::DataAbort),
        with_irqs_off::<WatchedPmr>(Exception::DataAbort),
        with_irqs_off::<WatchedPmr>(Exception::Brk),
        with_irqs_off::<WatchedPmr>(Exception::CorrectedError),
    ] {
        assert!(!report.all().contains("PMR :="), "{}", report.all());
    }
}

#[test]
fn an_abort_of_code_with_irqs_off() {
    expect![[r#"
        DataAbort from EL1 [.... off]
          write DAIF ....
          body kernel_abort [.... off] on the task stack
          DAIFSet DAIF
          ERET to EL1 [.... off]
    "#]]
    .assert_eq(&with_irqs_off::<WatchedPmr>(Exception::DataAbort).changes());
    expect![[r#"
        DataAbort from EL1 [..IF]
          write DAIF ..IF
          write ALLINT 0
          body kernel_abort [..IF] on the task stack
          ALLINT := 1
          DAIFSet DAIF
          ERET to EL1 [..IF]
    "#]]
    .assert_eq(&with_irqs_off::<WatchedAllInt>(Exception::DataAbort).changes());
}

/// C6, C93: what most faults interrupt is opened without a look at each mask, and anything else exactly as it was.
#[test]
fn an_abort_inherits_allint() {
    let of = |masks: u32, allint: bool| {
        let report = sound::<WatchedAllInt>(move |mut cpu| {
            let _off = (masks != 0).then(|| cpu.irqs_off());
            change_masks(masks);
            with(|state| state.allint = allint);
            record();
            take(Exception::DataAbort);
            stop();
            change_masks(if masks == 0 { 0 } else { IRQS });
            with(|state| state.allint = false);
        });
        let changes = report.changes();
        let before_body = changes.lines().map(str::trim).take_while(|line| !line.starts_with("body"));
        let moves = before_body
            .filter(|line| line.starts_with("DAIF") || line.contains("ALLINT ") || line.starts_with("write DAIF"));
        moves.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(of(0, false), "DAIFClr DAIF, ALLINT := 0");
    assert_eq!(of(IRQS, false), "write DAIF ..IF, write ALLINT 0");
    assert_eq!(of(IRQS, true), "write DAIF ..IF, write ALLINT 1");
    assert_eq!(of(A | IRQS, true), "write DAIF .AIF, write ALLINT 1");
    assert_eq!(of(D | A | IRQS, true), "write DAIF DAIF, write ALLINT 1");
}

/// C93: DAIF first to close, PMR first to open; ALLINT first to close, last to open.
#[test]
fn a_system_call() {
    expect![[r#"
        Svc from EL0
          belief := off
          watching: yes
          nesting := kernel
          belief := prepared
          belief := on
          DAIFClr DAIF
          body syscall [.... open] on the task stack
          DAIFSet DAIF
          belief := off
          belief := prepared
          nesting := 0
          watching: no
          belief := on
          ERET to EL0
    "#]]
    .assert_eq(&from_user::<WatchedPmr>(Exception::Svc).changes());
    expect![[r#"
        Svc from EL0
          belief := off
          watching: yes
          nesting := kernel
          belief := prepared
          belief := on
          DAIFClr DAIF
          ALLINT := 0
          body syscall [....] on the task stack
          ALLINT := 1
          DAIFSet DAIF
          belief := off
          belief := prepared
          nesting := 0
          watching: no
          belief := on
          ERET to EL0
    "#]]
    .assert_eq(&from_user::<WatchedAllInt>(Exception::Svc).changes());
}

/// C94, C97: acknowledged, told apart, and only then NMIs open.
#[test]
fn an_interrupt() {
    expect![[r#"
        Irq from EL1 [.... open]
          read ELR
          write frame.pc
          read SPSR
          write frame.pstate
          read PMR
          read DAIF
          read PMR
          load word
          load belief
          read DAIF
          read PMR
          belief := off
          load watching
          load watching
          read SP
          SP := irq stack
          DAIFClr DA
          acknowledge 32
          read RPR
          ISB
          PMR := off
          DAIFClr IF
          word +hardirq
          body interrupt [.... off] on the irq stack
          end of interrupt 32
          read DAIF
          read PMR
          word -hardirq
          no softirqs
          DAIFSet DAIF
          PMR := open
          SP := task stack
          read frame.pstate
          read PMR
          load watching
          load word
          read SP
          load word
          read DAIF
          read PMR
          read frame.pstate
          read PMR
          load watching
          belief := prepared
          read DAIF
          read PMR
          load belief
          belief := on
          read frame.pc
          write ELR
          read frame.pstate
          write SPSR
          ERET to EL1 [.... open]
    "#]]
    .assert_eq(&with_irqs_on::<WatchedPmr>(Exception::Irq).all());
    expect![[r#"
        Irq from EL1 [....]
          read ELR
          write frame.pc
          read SPSR
          write frame.pstate
          read frame.pstate
          read ISR
          read DAIF
          read ALLINT
          load word
          load belief
          read DAIF
          read ALLINT
          belief := off
          load watching
          load watching
          read SP
          SP := irq stack
          DAIFClr DA
          read ISR
          acknowledge 32
          ISB
          ALLINT := 0
          word +hardirq
          body interrupt [..IF] on the irq stack
          end of interrupt 32
          read DAIF
          read ALLINT
          word -hardirq
          no softirqs
          ALLINT := 1
          DAIFSet DAIF
          SP := task stack
          read frame.pstate
          load watching
          load word
          read SP
          load word
          read DAIF
          read ALLINT
          read frame.pstate
          load watching
          belief := prepared
          read DAIF
          read ALLINT
          load belief
          belief := on
          read frame.pc
          write ELR
          read frame.pstate
          write SPSR
          ERET to EL1 [....]
    "#]]
    .assert_eq(&with_irqs_on::<WatchedAllInt>(Exception::Irq).all());
}

#[test]
fn an_interrupt_of_group_0() {
    expect![[r#"
        Fiq from EL1 [.... open]
          belief := off
          SP := irq stack
          DAIFClr DA
          PMR := off
          DAIFClr IF
          word +hardirq
          body interrupt [.... off] on the irq stack
          word -hardirq
          no softirqs
          DAIFSet DAIF
          PMR := open
          SP := task stack
          belief := prepared
          belief := on
          ERET to EL1 [.... open]
    "#]]
    .assert_eq(&with_irqs_on::<WatchedPmr>(Exception::Fiq).changes());
    for report in [with_irqs_on::<WatchedPmr>(Exception::Fiq), from_user::<WatchedAllInt>(Exception::Fiq)] {
        assert!(report.all().contains("end of interrupt 32 of group 0"), "{}", report.all());
    }
}

#[test]
fn an_nmi_of_code_with_irqs_off() {
    expect![[r#"
        Nmi from EL1 [.... off]
          read ELR
          write frame.pc
          read SPSR
          write frame.pstate
          read PMR
          read DAIF
          read PMR
          load belief
          word +hardirq +nmi
          load watching
          load nesting
          nesting := kernel+2
          load watching
          read SP
          SP := irq stack
          DAIFClr DA
          acknowledge 16
          ISB
          body nmi [..IF off] on the irq stack
          end of interrupt 16
          read DAIF
          read PMR
          DAIFSet DAIF
          SP := task stack
          read DAIF
          read PMR
          read frame.pstate
          read PMR
          load nesting
          load watching
          nesting := kernel
          word -hardirq -nmi
          read frame.pc
          write ELR
          read frame.pstate
          write SPSR
          ERET to EL1 [.... off]
    "#]]
    .assert_eq(&with_irqs_off::<WatchedPmr>(Exception::Nmi).all());
    expect![[r#"
        Nmi from EL1 [..IF]
          read ELR
          write frame.pc
          read SPSR
          write frame.pstate
          read frame.pstate
          read DAIF
          read ALLINT
          load belief
          word +hardirq +nmi
          load watching
          load nesting
          nesting := kernel+2
          load watching
          read SP
          SP := irq stack
          DAIFClr DA
          acknowledge 16 with superpriority
          ISB
          body nmi [..IF ALLINT] on the irq stack
          end of interrupt 16
          read DAIF
          read ALLINT
          DAIFSet DAIF
          SP := task stack
          read DAIF
          read ALLINT
          read frame.pstate
          load nesting
          load watching
          nesting := kernel
          word -hardirq -nmi
          read frame.pc
          write ELR
          read frame.pstate
          write SPSR
          ERET to EL1 [..IF]
    "#]]
    .assert_eq(&with_irqs_off::<WatchedAllInt>(Exception::Nmi).all());
}

/// By priority it is an interrupt first, which turns out to be an NMI.
#[test]
fn an_nmi_of_code_with_irqs_on() {
    expect![[r#"
        Nmi from EL1 [.... open]
          belief := off
          SP := irq stack
          DAIFClr DA
          word +hardirq +nmi
          nesting := kernel+2
          body nmi [..IF open] on the irq stack
          nesting := kernel
          word -hardirq -nmi
          PMR := off
          DAIFClr IF
          word +hardirq
          word -hardirq
          no softirqs
          DAIFSet DAIF
          PMR := open
          SP := task stack
          belief := prepared
          belief := on
          ERET to EL1 [.... open]
    "#]]
    .assert_eq(&with_irqs_on::<WatchedPmr>(Exception::Nmi).changes());
    expect![[r#"
        Nmi from EL1 [....]
          word +hardirq +nmi
          belief := off
          nesting := kernel+2
          SP := irq stack
          DAIFClr DA
          body nmi [..IF ALLINT] on the irq stack
          DAIFSet DAIF
          SP := task stack
          belief := prepared
          nesting := kernel
          belief := on
          word -hardirq -nmi
          ERET to EL1 [....]
    "#]]
    .assert_eq(&with_irqs_on::<WatchedAllInt>(Exception::Nmi).changes());
}

/// It comes by user mode's entry, and the work loop runs.
#[test]
fn an_nmi_of_user_mode() {
    expect![[r#"
        Nmi from EL0
          belief := off
          watching: yes
          nesting := kernel
          SP := irq stack
          DAIFClr DA
          word +hardirq +nmi
          nesting := kernel+2
          body nmi [..IF open] on the irq stack
          nesting := kernel
          word -hardirq -nmi
          PMR := off
          DAIFClr IF
          word +hardirq
          word -hardirq
          no softirqs
          DAIFSet DAIF
          PMR := open
          SP := task stack
          belief := prepared
          nesting := 0
          watching: no
          belief := on
          ERET to EL0
    "#]]
    .assert_eq(&from_user::<WatchedPmr>(Exception::Nmi).changes());
    expect![[r#"
        Nmi from EL0
          belief := off
          watching: yes
          nesting := kernel
          SP := irq stack
          DAIFClr DA
          word +hardirq +nmi
          nesting := kernel+2
          body nmi [..IF ALLINT] on the irq stack
          nesting := kernel
          word -hardirq -nmi
          ALLINT := 0
          word +hardirq
          word -hardirq
          no softirqs
          ALLINT := 1
          DAIFSet DAIF
          SP := task stack
          belief := prepared
          nesting := 0
          watching: no
          belief := on
          ERET to EL0
    "#]]
    .assert_eq(&from_user::<WatchedAllInt>(Exception::Nmi).changes());
}

/// C95: an ordinary interrupt that is pending is not taken in its place.
#[test]
fn an_nmi_that_was_withdrawn() {
    let report = withdrawn::<WatchedPmr>();
    expect![[r#"
        Nmi from EL1 [.... off]
          read ELR
          write frame.pc
          read SPSR
          write frame.pstate
          read PMR
          read DAIF
          read PMR
          load belief
          word +hardirq +nmi
          load watching
          load nesting
          nesting := kernel+2
          load watching
          read SP
          SP := irq stack
          DAIFClr DA
          acknowledge 1023
          read DAIF
          read PMR
          DAIFSet DAIF
          SP := task stack
          read DAIF
          read PMR
          read frame.pstate
          read PMR
          load nesting
          load watching
          nesting := kernel
          word -hardirq -nmi
          read frame.pc
          write ELR
          read frame.pstate
          write SPSR
          ERET to EL1 [.... off]
    "#]]
    .assert_eq(&report.all());
}

/// Where PSTATE masks interrupts it stays an NMI, whatever ISR_EL1 says by then: the interrupt that is pending instead is not for
/// here (C95).
#[test]
fn an_nmi_by_superpriority_that_was_withdrawn() {
    let report = withdrawn::<WatchedAllInt>();
    expect![[r#"
        Nmi from EL1 [..IF]
          read ELR
          write frame.pc
          read SPSR
          write frame.pstate
          read frame.pstate
          read DAIF
          read ALLINT
          load belief
          word +hardirq +nmi
          load watching
          load nesting
          nesting := kernel+2
          load watching
          read SP
          SP := irq stack
          DAIFClr DA
          acknowledge 1023 with superpriority
          read DAIF
          read ALLINT
          DAIFSet DAIF
          SP := task stack
          read DAIF
          read ALLINT
          read frame.pstate
          load nesting
          load watching
          nesting := kernel
          word -hardirq -nmi
          read frame.pc
          write ELR
          read frame.pstate
          write SPSR
          ERET to EL1 [..IF]
    "#]]
    .assert_eq(&report.all());
}

/// An NMI comes where interrupts are masked, and not inside another.
#[test]
fn nmis_come_into_interrupts_and_not_into_nmis() {
    let report = sound::<WatchedPmr>(|_cpu| {
        at_text("body interrupt", || pend(Exception::Nmi));
        record();
        take(Exception::Irq);
    });
    expect![[r#"
        Irq from EL1 [.... open]
          belief := off
          SP := irq stack
          DAIFClr DA
          PMR := off
          DAIFClr IF
          word +hardirq
          body interrupt [.... off] on the irq stack
          Nmi from EL1 [.... off]
            word +hardirq +nmi
            nesting := kernel+2
            DAIFClr DA
            body nmi [..IF off] on the irq stack
            DAIFSet DAIF
            nesting := kernel
            word -hardirq -nmi
            ERET to EL1 [.... off]
          word -hardirq
          no softirqs
          DAIFSet DAIF
          PMR := open
          SP := task stack
          belief := prepared
          belief := on
          ERET to EL1 [.... open]
    "#]]
    .assert_eq(&report.changes());
    for report in [nested::<WatchedPmr>(), nested::<WatchedAllInt>()] {
        let changes = report.changes();
        let (first, rest) = changes.split_once("ERET").expect("the first returns");
        assert!(first.matches("Nmi from").count() == 1 && rest.contains("Nmi from"), "{changes}");
    }
}

/// Another that is pending comes after the return.
fn nested<K: Subject>() -> Report {
    and_meanwhile::<K>("body nmi", || pend(Exception::Nmi))
}

/// An ordinary interrupt is pending instead.
fn withdrawn<K: Subject>() -> Report {
    and_meanwhile::<K>("Nmi from", || with(|state| state.signalled = Some(Exception::Irq)))
}

/// An NMI comes into code with interrupts off, and at that step something else happens.
fn and_meanwhile<K: Subject>(step: &'static str, action: impl FnOnce() + Send + 'static) -> Report {
    sound::<K>(move |mut cpu| {
        let _off = cpu.irqs_off();
        at_text(step, action);
        record();
        take(Exception::Nmi);
        stop();
    })
}

/// C28: the scheduler is entered with the priority masked and DAIF open.
#[test]
fn a_preemption() {
    let scenario = || {
        at_text("body", || set_remotely(RESCHED));
        record();
        take(Exception::DataAbort);
    };
    expect![[r#"
        DataAbort from EL1 [.... open]
          belief := off
          belief := prepared
          belief := on
          write DAIF ....
          body kernel_abort [.... open] on the task stack
          other CPU: word sets resched
          Irq from EL1 [.... open]
            belief := off
            SP := irq stack
            DAIFClr DA
            PMR := off
            DAIFClr IF
            word +hardirq
            body interrupt [.... off] on the irq stack
            word -hardirq
            no softirqs
            DAIFSet DAIF
            PMR := open
            SP := task stack
            PMR := off
            DAIFClr DAIF
            schedule KernelExit("el1_irq") [.... off] on the task stack
            word clears resched resched-lazy
            DAIFSet DAIF
            PMR := open
            belief := prepared
            belief := on
            ERET to EL1 [.... open]
          DAIFSet DAIF
          belief := off
          belief := prepared
          belief := on
          ERET to EL1 [.... open]
    "#]]
    .assert_eq(&sound::<WatchedPmr>(move |_cpu| scenario()).changes());
    expect![[r#"
        DataAbort from EL1 [....]
          belief := off
          belief := prepared
          belief := on
          DAIFClr DAIF
          ALLINT := 0
          body kernel_abort [....] on the task stack
          other CPU: word sets resched
          Irq from EL1 [....]
            belief := off
            SP := irq stack
            DAIFClr DA
            ALLINT := 0
            word +hardirq
            body interrupt [..IF] on the irq stack
            word -hardirq
            no softirqs
            ALLINT := 1
            DAIFSet DAIF
            SP := task stack
            DAIFClr DA
            ALLINT := 0
            schedule KernelExit("el1_irq") [..IF] on the task stack
            word clears resched resched-lazy
            ALLINT := 1
            DAIFSet DAIF
            belief := prepared
            belief := on
            ERET to EL1 [....]
          ALLINT := 1
          DAIFSet DAIF
          belief := off
          belief := prepared
          belief := on
          ERET to EL1 [....]
    "#]]
    .assert_eq(&sound::<WatchedAllInt>(move |_cpu| scenario()).changes());
}

/// C98: the wait sees what the priority mask would hide.
#[test]
fn the_idle_wait() {
    fn idle<K: Subject>() -> String {
        let report = simulate_task::<K>(TaskWord::idle(), |mut cpu| {
            at_text("WFI", || pend(Exception::Irq));
            record();
            cpu.idle();
        });
        report.assert_sound();
        report.changes()
    }
    expect![[r#"
        DAIFSet IF
        belief := off
        nesting := 0
        watching: no
        WFI
        watching: yes
        nesting := kernel
        belief := prepared
        belief := on
        DAIFClr IF
        Irq from EL1 [.... open]
          belief := off
          nesting := kernel+2
          SP := irq stack
          DAIFClr DA
          PMR := off
          DAIFClr IF
          word +hardirq
          body interrupt [.... off] on the irq stack
          word -hardirq
          no softirqs
          DAIFSet DAIF
          PMR := open
          SP := task stack
          belief := prepared
          nesting := kernel
          belief := on
          ERET to EL1 [.... open]
    "#]]
    .assert_eq(&idle::<WatchedPmr>());
    expect![[r#"
        ALLINT := 1
        DAIFSet IF
        belief := off
        nesting := 0
        watching: no
        WFI
        watching: yes
        nesting := kernel
        belief := prepared
        belief := on
        DAIFClr IF
        ALLINT := 0
        Irq from EL1 [....]
          belief := off
          nesting := kernel+2
          SP := irq stack
          DAIFClr DA
          ALLINT := 0
          word +hardirq
          body interrupt [..IF] on the irq stack
          word -hardirq
          no softirqs
          ALLINT := 1
          DAIFSet DAIF
          SP := task stack
          belief := prepared
          nesting := kernel
          belief := on
          ERET to EL1 [....]
    "#]]
    .assert_eq(&idle::<WatchedAllInt>());
}
