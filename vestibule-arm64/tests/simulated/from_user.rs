//! What comes from user mode, and a task's first return to it: every step of each class.

use crate::exceptions::{Exception, in_user_mode};
use crate::kernels::Watched;
use crate::scenario::{self, record, sound};
use crate::steps::Report;
use expect_test::{Expect, expect};

fn from_user(exception: Exception) -> Report {
    scenario::from_user::<Watched>(exception)
}

fn all(report: &Report, expected: Expect) {
    expected.assert_eq(&report.all());
}

#[test]
fn svc() {
    all(
        &from_user(Exception::Svc),
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
              read DAIF
              read DAIF
              belief := off
              load watching
              watching: yes
              nesting := kernel
              load watching
              read frame.x8
              write frame.syscall
              read frame.x0
              write frame.first_argument
              load watching
              belief := prepared
              read DAIF
              load belief
              belief := on
              DAIFClr DAIF
              load word
              body syscall [....] on the task stack
              read DAIF
              load word
              DAIFSet DAIF
              read DAIF
              belief := off
              load watching
              read SP
              load word
              load word
              load thread.fpsimd.loaded_by
              load cpu.fpsimd_of
              read DAIF
              read frame.pstate
              load watching
              belief := prepared
              load watching
              load nesting
              nesting := 0
              watching: no
              read DAIF
              load belief
              belief := on
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
fn abort() {
    all(
        &from_user(Exception::DataAbort),
        expect![[r#"
            DataAbort from EL0
              read ELR
              write frame.pc
              read SPSR
              write frame.pstate
              read SP_EL0
              write frame.sp
              load thread.step
              read ESR
              write frame.syndrome
              read FAR
              write frame.fault_address
              read DAIF
              read DAIF
              belief := off
              load watching
              watching: yes
              nesting := kernel
              load watching
              write frame.syscall
              load watching
              belief := prepared
              read DAIF
              load belief
              belief := on
              DAIFClr DAIF
              body user_abort [....] on the task stack
              read DAIF
              DAIFSet DAIF
              read DAIF
              belief := off
              load watching
              read SP
              load word
              load word
              load thread.fpsimd.loaded_by
              load cpu.fpsimd_of
              read DAIF
              read frame.pstate
              load watching
              belief := prepared
              load watching
              load nesting
              nesting := 0
              watching: no
              read DAIF
              load belief
              belief := on
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
fn irq() {
    all(
        &from_user(Exception::Irq),
        expect![[r#"
            Irq from EL0
              read ELR
              write frame.pc
              read SPSR
              write frame.pstate
              read SP_EL0
              write frame.sp
              load thread.step
              read DAIF
              read DAIF
              belief := off
              load watching
              watching: yes
              nesting := kernel
              load watching
              write frame.syscall
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
              read SP
              load word
              load word
              load thread.fpsimd.loaded_by
              load cpu.fpsimd_of
              read DAIF
              read frame.pstate
              load watching
              belief := prepared
              load watching
              load nesting
              nesting := 0
              watching: no
              read DAIF
              load belief
              belief := on
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
fn serror() {
    all(
        &from_user(Exception::CorrectedError),
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
              read DAIF
              read DAIF
              belief := off
              load watching
              watching: yes
              nesting := kernel
              load watching
              write frame.syscall
              DAIFClr D
              load belief
              word +hardirq +nmi
              load watching
              load nesting
              nesting := kernel+2
              load watching
              read frame.syndrome
              body serror_corrected [.AIF] on the task stack
              read DAIF
              load nesting
              load watching
              nesting := kernel
              word -hardirq -nmi
              load watching
              belief := prepared
              read DAIF
              load belief
              belief := on
              DAIFClr AIF
              read frame.syndrome
              read DAIF
              DAIFSet DAIF
              read DAIF
              belief := off
              load watching
              read SP
              load word
              load word
              load thread.fpsimd.loaded_by
              load cpu.fpsimd_of
              read DAIF
              read frame.pstate
              load watching
              belief := prepared
              load watching
              load nesting
              nesting := 0
              watching: no
              read DAIF
              load belief
              belief := on
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
fn brk() {
    all(
        &from_user(Exception::Brk),
        expect![[r#"
            Brk from EL0
              read ELR
              write frame.pc
              read SPSR
              write frame.pstate
              read SP_EL0
              write frame.sp
              load thread.step
              read ESR
              write frame.syndrome
              read DAIF
              read DAIF
              belief := off
              load watching
              watching: yes
              nesting := kernel
              load watching
              write frame.syscall
              load watching
              belief := prepared
              read DAIF
              load belief
              belief := on
              DAIFClr DAIF
              body user_brk [....] on the task stack
              read DAIF
              DAIFSet DAIF
              read DAIF
              belief := off
              load watching
              read SP
              load word
              load word
              load thread.fpsimd.loaded_by
              load cpu.fpsimd_of
              read DAIF
              read frame.pstate
              load watching
              belief := prepared
              load watching
              load nesting
              nesting := 0
              watching: no
              read DAIF
              load belief
              belief := on
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

/// These differ from a BRK in nothing but their body.
#[test]
fn undefined_and_unhandled() {
    let brk = from_user(Exception::Brk).all();
    let as_brk = |name: &str, body: &str| brk.replace("Brk from", &format!("{name} from")).replace("user_brk", body);
    assert_eq!(from_user(Exception::Undefined).all(), as_brk("Undefined", "user_undefined"));
    assert_eq!(from_user(Exception::Unhandled).all(), as_brk("Unhandled", "user_unhandled"));
}

#[test]
fn whatever_comes_has_a_body_that_ends_no_more_than_the_task() {
    for class in 0..64 {
        let steps = from_user(Exception::Other(class)).all();
        assert!(steps.contains("body "), "class {class:#x} has no body: {steps}");
        assert!(steps.ends_with("ERET to EL0\n"), "class {class:#x}: {steps}");
    }
}

#[test]
fn instruction_abort_is_an_abort() {
    let text = |exception| from_user(exception).all().replace("InstructionAbort", "DataAbort");
    assert_eq!(text(Exception::InstructionAbort), text(Exception::DataAbort));
}

/// The exit of a system call that was never made.
#[test]
fn first_return() {
    let report = sound::<Watched>(|cpu| {
        record();
        in_user_mode(cpu, || {});
    });
    all(
        &report,
        expect![[r#"
            DAIFSet DAIF
            read DAIF
            belief := off
            load watching
            read SP
            load word
            load word
            load thread.fpsimd.loaded_by
            load V0 to V31
            cpu.fpsimd_of := a task
            thread.fpsimd.loaded_by := this CPU
            read DAIF
            read frame.pstate
            load watching
            belief := prepared
            load watching
            load nesting
            nesting := 0
            watching: no
            read DAIF
            load belief
            belief := on
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
