//! What comes from the kernel, with interrupts on and off: every step of each class.

use crate::cpu::{ALL, IRQS};
use crate::exceptions::{Exception, take};
use crate::kernels::Watched;
use crate::scenario::{self, change_masks, record, sound, stop};
use crate::steps::Report;
use expect_test::{Expect, expect};
use vestibule_arm64::hardware::{A, D};

fn with_irqs_on(exception: Exception) -> Report {
    scenario::with_irqs_on::<Watched>(exception)
}

fn with_irqs_off(exception: Exception) -> Report {
    scenario::with_irqs_off::<Watched>(exception)
}

fn all(report: &Report, expected: Expect) {
    expected.assert_eq(&report.all());
}

fn changes(report: &Report, expected: Expect) {
    expected.assert_eq(&report.changes());
}

#[test]
fn abort() {
    all(
        &with_irqs_on(Exception::DataAbort),
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
    "#]],
    );
}

#[test]
fn abort_with_irqs_off() {
    all(
        &with_irqs_off(Exception::DataAbort),
        expect![[r#"
            DataAbort from EL1 [..IF]
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
              load watching
              load watching
              read frame.pstate
              read frame.pstate
              write DAIF ..IF
              read DAIF
              body kernel_abort [..IF] on the task stack
              read DAIF
              read frame.pstate
              DAIFSet DAIF
              read frame.pstate
              read frame.pstate
              load word
              read DAIF
              read frame.pstate
              read frame.pc
              write ELR
              read frame.pstate
              write SPSR
              ERET to EL1 [..IF]
        "#]],
    );
}

/// A body in inherited context has exactly the masks of the code that it interrupted (C6), also those of none of the
/// five contexts.
#[test]
fn abort_inherits_any_masks() {
    for masks in [IRQS, A | IRQS, D | A | IRQS, D | IRQS, 0] {
        let report = sound::<Watched>(move |mut cpu| {
            let _off = (masks & IRQS != 0).then(|| cpu.irqs_off());
            change_masks(masks);
            record();
            take(Exception::DataAbort);
            stop();
        });
        let masks = crate::memory::daif(masks);
        let body = format!("  body kernel_abort [{masks}] on the task stack\n");
        assert!(report.changes().contains(&body), "{}", report.all());
        assert!(report.changes().ends_with(&format!("  ERET to EL1 [{masks}]\n")), "{}", report.all());
    }
}

#[test]
fn instruction_abort_is_an_abort() {
    let text = |exception| with_irqs_on(exception).all().replace("InstructionAbort", "DataAbort");
    assert_eq!(text(Exception::InstructionAbort), text(Exception::DataAbort));
}

#[test]
fn undefined() {
    all(
        &with_irqs_on(Exception::Undefined),
        expect![[r#"
        Undefined from EL1 [....]
          read ELR
          write frame.pc
          read SPSR
          write frame.pstate
          read ESR
          write frame.syndrome
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
          body kernel_undefined [....] on the task stack
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
    "#]],
    );
}

#[test]
fn undefined_with_irqs_off() {
    changes(
        &with_irqs_off(Exception::Undefined),
        expect![[r#"
        Undefined from EL1 [..IF]
          write DAIF ..IF
          body kernel_undefined [..IF] on the task stack
          DAIFSet DAIF
          ERET to EL1 [..IF]
    "#]],
    );
}

#[test]
fn irq() {
    all(
        &with_irqs_on(Exception::Irq),
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
              read DAIF
              load belief
              belief := on
              read frame.pc
              write ELR
              read frame.pstate
              write SPSR
              ERET to EL1 [....]
        "#]],
    );
}

#[test]
fn brk() {
    all(
        &with_irqs_on(Exception::Brk),
        expect![[r#"
        Brk from EL1 [....]
          read ELR
          write frame.pc
          read SPSR
          write frame.pstate
          read ESR
          write frame.syndrome
          read DAIF
          load belief
          word +preempt
          read DAIF
          belief := off
          load watching
          load nesting
          nesting := kernel+2
          load watching
          body kernel_brk [DAIF] on the task stack
          read DAIF
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
          word -preempt
          read frame.pc
          write ELR
          read frame.pstate
          write SPSR
          ERET to EL1 [....]
    "#]],
    );
}

#[test]
fn brk_with_irqs_off() {
    changes(
        &with_irqs_off(Exception::Brk),
        expect![[r#"
        Brk from EL1 [..IF]
          word +preempt
          nesting := kernel+2
          body kernel_brk [DAIF] on the task stack
          nesting := kernel
          word -preempt
          ERET to EL1 [..IF]
    "#]],
    );
}

/// A breakpoint can be anywhere: in code that runs with everything masked too.
#[test]
fn brk_with_everything_masked() {
    let report = sound::<Watched>(|mut cpu| {
        let _off = cpu.irqs_off();
        change_masks(ALL);
        record();
        take(Exception::Brk);
        stop();
    });
    assert!(report.changes().ends_with("  ERET to EL1 [DAIF]\n"), "{}", report.all());
}

#[test]
fn serror() {
    all(
        &with_irqs_on(Exception::CorrectedError),
        expect![[r#"
        CorrectedError from EL1 [....]
          read ELR
          write frame.pc
          read SPSR
          write frame.pstate
          read ESR
          write frame.syndrome
          read DAIF
          load belief
          word +hardirq +nmi
          read DAIF
          belief := off
          load watching
          load nesting
          nesting := kernel+2
          load watching
          DAIFClr D
          read frame.syndrome
          body serror_corrected [.AIF] on the task stack
          read DAIF
          DAIFSet DAIF
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
          word -hardirq -nmi
          read frame.pc
          write ELR
          read frame.pstate
          write SPSR
          ERET to EL1 [....]
    "#]],
    );
}

#[test]
fn serror_with_irqs_off() {
    changes(
        &with_irqs_off(Exception::CorrectedError),
        expect![[r#"
        CorrectedError from EL1 [..IF]
          word +hardirq +nmi
          nesting := kernel+2
          DAIFClr D
          body serror_corrected [.AIF] on the task stack
          DAIFSet DAIF
          nesting := kernel
          word -hardirq -nmi
          ERET to EL1 [..IF]
    "#]],
    );
}
