//! A kernel that takes no hook and no check: what is left are masks, counts and bodies.

use crate::exceptions::{Exception, take};
use crate::kernels::{Plain, RESCHED};
use crate::scenario::{record, set, sound, sound_in_user_mode};
use expect_test::{Expect, expect};
use vestibule::Flags;

fn from_kernel(exception: Exception, flags: Option<Flags>, expected: Expect) {
    let report = sound::<Plain>(move |_cpu| {
        flags.into_iter().for_each(set);
        record();
        take(exception);
    });
    expected.assert_eq(&report.all());
}

fn from_user(exception: Exception, flags: Option<Flags>, expected: Expect) {
    let report = sound_in_user_mode::<Plain>(move || {
        flags.into_iter().for_each(set);
        record();
        take(exception);
    });
    expected.assert_eq(&report.all());
}

#[test]
fn abort() {
    from_kernel(
        Exception::DataAbort,
        None,
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
              read frame.pstate
              write DAIF ....
              body kernel_abort [....] on the task stack
              DAIFSet DAIF
              load word
              read frame.pc
              write ELR
              read frame.pstate
              write SPSR
              ERET to EL1 [....]
        "#]],
    );
}

#[test]
fn abort_preempted() {
    from_kernel(
        Exception::DataAbort,
        Some(RESCHED),
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
              read frame.pstate
              write DAIF ....
              body kernel_abort [....] on the task stack
              DAIFSet DAIF
              load word
              read frame.pstate
              DAIFClr DA
              word clears resched resched-lazy
              DAIFSet DAIF
              load word
              read frame.pc
              write ELR
              read frame.pstate
              write SPSR
              ERET to EL1 [....]
        "#]],
    );
}

#[test]
fn irq() {
    from_kernel(
        Exception::Irq,
        None,
        expect![[r#"
            Irq from EL1 [....]
              read ELR
              write frame.pc
              read SPSR
              write frame.pstate
              read SP
              SP := irq stack
              DAIFClr DA
              acknowledge 32
              ISB
              word +hardirq
              body interrupt [..IF] on the irq stack
              end of interrupt 32
              word -hardirq
              DAIFSet DAIF
              SP := task stack
              load word
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
    from_kernel(
        Exception::Brk,
        None,
        expect![[r#"
            Brk from EL1 [....]
              read ELR
              write frame.pc
              read SPSR
              write frame.pstate
              read ESR
              write frame.syndrome
              word +preempt
              body kernel_brk [DAIF] on the task stack
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
fn serror() {
    from_kernel(
        Exception::CorrectedError,
        None,
        expect![[r#"
            CorrectedError from EL1 [....]
              read ELR
              write frame.pc
              read SPSR
              write frame.pstate
              read ESR
              write frame.syndrome
              word +hardirq +nmi
              DAIFClr D
              read frame.syndrome
              body serror_corrected [.AIF] on the task stack
              DAIFSet DAIF
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
fn svc() {
    from_user(
        Exception::Svc,
        None,
        expect![[r#"
            Svc from EL0
              read ELR
              write frame.pc
              read SPSR
              write frame.pstate
              read SP_EL0
              write frame.sp
              load thread.step
              read ESR
              write frame.syndrome
              read frame.x8
              write frame.syscall
              read frame.x0
              write frame.first_argument
              DAIFClr DAIF
              body syscall [....] on the task stack
              DAIFSet DAIF
              load word
              load thread.step
              read frame.sp
              write SP_EL0
              read frame.pc
              write ELR
              read frame.pstate
              write SPSR
              ERET to EL0
        "#]],
    );
}

#[test]
fn svc_with_work() {
    from_user(
        Exception::Svc,
        Some(RESCHED.and(Flags::SIGNAL)),
        expect![[r#"
            Svc from EL0
              read ELR
              write frame.pc
              read SPSR
              write frame.pstate
              read SP_EL0
              write frame.sp
              load thread.step
              read ESR
              write frame.syndrome
              read frame.x8
              write frame.syscall
              read frame.x0
              write frame.first_argument
              DAIFClr DAIF
              body syscall [....] on the task stack
              DAIFSet DAIF
              load word
              DAIFClr DA
              word clears resched resched-lazy
              DAIFClr IF
              word clears signal
              DAIFSet DAIF
              load word
              load thread.step
              read frame.sp
              write SP_EL0
              read frame.pc
              write ELR
              read frame.pstate
              write SPSR
              ERET to EL0
        "#]],
    );
}

#[test]
fn user_irq() {
    from_user(
        Exception::Irq,
        None,
        expect![[r#"
            Irq from EL0
              read ELR
              write frame.pc
              read SPSR
              write frame.pstate
              read SP_EL0
              write frame.sp
              load thread.step
              write frame.syscall
              SP := irq stack
              DAIFClr DA
              acknowledge 32
              ISB
              word +hardirq
              body interrupt [..IF] on the irq stack
              end of interrupt 32
              word -hardirq
              DAIFSet DAIF
              SP := task stack
              load word
              load thread.step
              read frame.sp
              write SP_EL0
              read frame.pc
              write ELR
              read frame.pstate
              write SPSR
              ERET to EL0
        "#]],
    );
}

#[test]
fn user_serror() {
    from_user(
        Exception::CorrectedError,
        None,
        expect![[r#"
            CorrectedError from EL0
              read ELR
              write frame.pc
              read SPSR
              write frame.pstate
              read SP_EL0
              write frame.sp
              load thread.step
              read ESR
              write frame.syndrome
              write frame.syscall
              DAIFClr D
              word +hardirq +nmi
              read frame.syndrome
              body serror_corrected [.AIF] on the task stack
              word -hardirq -nmi
              DAIFClr AIF
              read frame.syndrome
              DAIFSet DAIF
              load word
              load thread.step
              read frame.sp
              write SP_EL0
              read frame.pc
              write ELR
              read frame.pstate
              write SPSR
              ERET to EL0
        "#]],
    );
}
