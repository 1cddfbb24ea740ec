//! Exceptions in the middle of others.

use crate::exceptions::{Exception, take};
use crate::kernels::Watched;
use crate::scenario::{at_text, pend, record, sound, sound_in_user_mode};
use crate::steps::Report;
use expect_test::expect;

fn nested(at: &'static str, inner: Exception, outer: Exception) -> Report {
    sound::<Watched>(move |_cpu| {
        record();
        at_text(at, move || pend(inner));
        take(outer);
    })
}

#[test]
fn irq_in_an_aborts_body() {
    expect![[r#"
        DataAbort from EL1 [....]
          belief := off
          belief := prepared
          belief := on
          write DAIF ....
          body kernel_abort [....] on the task stack
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
          DAIFSet DAIF
          belief := off
          belief := prepared
          belief := on
          ERET to EL1 [....]
    "#]]
    .assert_eq(&nested("body kernel_abort", Exception::Irq, Exception::DataAbort).changes());
}

#[test]
fn serror_in_an_interrupt_handler() {
    expect![[r#"
        Irq from EL1 [....]
          belief := off
          SP := irq stack
          DAIFClr DA
          word +hardirq
          body interrupt [..IF] on the irq stack
          CorrectedError from EL1 [..IF]
            word +hardirq +nmi
            nesting := kernel+2
            DAIFClr D
            body serror_corrected [.AIF] on the irq stack
            DAIFSet DAIF
            nesting := kernel
            word -hardirq -nmi
            ERET to EL1 [..IF]
          word -hardirq
          no softirqs
          DAIFSet DAIF
          SP := task stack
          belief := prepared
          belief := on
          ERET to EL1 [....]
    "#]]
    .assert_eq(&nested("body interrupt", Exception::CorrectedError, Exception::Irq).changes());
}

#[test]
fn abort_in_an_interrupt_handler() {
    expect![[r#"
        Irq from EL1 [....]
          belief := off
          SP := irq stack
          DAIFClr DA
          word +hardirq
          body interrupt [..IF] on the irq stack
          DataAbort from EL1 [..IF]
            write DAIF ..IF
            body kernel_abort [..IF] on the irq stack
            DAIFSet DAIF
            ERET to EL1 [..IF]
          word -hardirq
          no softirqs
          DAIFSet DAIF
          SP := task stack
          belief := prepared
          belief := on
          ERET to EL1 [....]
    "#]]
    .assert_eq(&nested("body interrupt", Exception::DataAbort, Exception::Irq).changes());
}

#[test]
fn brk_in_an_errors_body() {
    expect![[r#"
        CorrectedError from EL1 [....]
          word +hardirq +nmi
          belief := off
          nesting := kernel+2
          DAIFClr D
          body serror_corrected [.AIF] on the task stack
          Brk from EL1 [.AIF]
            word +preempt
            nesting := kernel+4
            body kernel_brk [DAIF] on the task stack
            nesting := kernel+2
            word -preempt
            ERET to EL1 [.AIF]
          DAIFSet DAIF
          belief := prepared
          nesting := kernel
          belief := on
          word -hardirq -nmi
          ERET to EL1 [....]
    "#]]
    .assert_eq(&nested("body serror_corrected", Exception::Brk, Exception::CorrectedError).changes());
}

/// What is masked waits: an interrupt that comes in an error's body is taken after its return.
#[test]
fn irq_in_an_errors_body() {
    expect![[r#"
          body serror_corrected [.AIF] on the task stack
            body interrupt [..IF] on the irq stack
    "#]]
    .assert_eq(&nested("body serror_corrected", Exception::Irq, Exception::CorrectedError).kernel());
}

/// An error before the kernel is watched is taken when the body's context opens.
#[test]
fn serror_on_entry_from_user_mode() {
    let report = sound_in_user_mode::<Watched>(|| {
        record();
        at_text("read ELR", || pend(Exception::CorrectedError));
        take(Exception::Svc);
    });
    expect![[r#"
        Svc from EL0
          belief := off
          watching: yes
          nesting := kernel
          belief := prepared
          belief := on
          DAIFClr DAIF
          CorrectedError from EL1 [....]
            word +hardirq +nmi
            belief := off
            nesting := kernel+2
            DAIFClr D
            body serror_corrected [.AIF] on the task stack
            DAIFSet DAIF
            belief := prepared
            nesting := kernel
            belief := on
            word -hardirq -nmi
            ERET to EL1 [....]
          body syscall [....] on the task stack
          DAIFSet DAIF
          belief := off
          belief := prepared
          nesting := 0
          watching: no
          belief := on
          ERET to EL0
    "#]]
    .assert_eq(&report.changes());
}
