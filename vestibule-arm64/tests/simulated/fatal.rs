//! What nobody can go on after: counted as NMI-like, everything masked, before a word is printed (C87).

use crate::cpu::{Simulated, TASK_STACK, with};
use crate::exceptions::{Exception, in_user_mode, take};
use crate::kernels::Watched;
use crate::scenario::{self, change_masks, record, simulate, sound};
use crate::steps::Report;
use expect_test::expect;

fn from_kernel(exception: Exception) -> Report {
    scenario::with_irqs_on::<Watched>(exception)
}

fn from_user(exception: Exception) -> Report {
    scenario::from_user::<Watched>(exception)
}

#[test]
fn unhandled_exception_in_the_kernel() {
    expect![[r#"
        Unhandled from EL1 [....]
          read ELR
          write frame.pc
          read SPSR
          write frame.pstate
          read ESR
          write frame.syndrome
          read FAR
          write frame.fault_address
          read DAIF
          load belief
          word +hardirq +nmi
          read DAIF
          belief := off
          load watching
          load nesting
          nesting := kernel+2
          load watching
          die of unhandled synchronous exception in the kernel [DAIF] on the task stack
    "#]]
    .assert_eq(&from_kernel(Exception::Unhandled).all());
}

#[test]
fn uncorrected_error_in_the_kernel() {
    expect![[r#"
        UncorrectedError from EL1 [....]
          word +hardirq +nmi
          belief := off
          nesting := kernel+2
          DAIFClr D
          die of uncorrected SError [.AIF] on the task stack
    "#]]
    .assert_eq(&from_kernel(Exception::UncorrectedError).changes());
}

/// Who could go on without what was interrupted is the kernel itself.
#[test]
fn contained_error_in_the_kernel() {
    expect![[r#"
        ContainedError from EL1 [....]
          word +hardirq +nmi
          belief := off
          nesting := kernel+2
          DAIFClr D
          die of uncorrected SError [.AIF] on the task stack
    "#]]
    .assert_eq(&from_kernel(Exception::ContainedError).changes());
}

/// Its body is the second half: what ends the task may sleep, and is not NMI-like.
#[test]
fn contained_error_in_user_mode() {
    expect![[r#"
        ContainedError from EL0
          belief := off
          watching: yes
          nesting := kernel
          DAIFClr D
          word +hardirq +nmi
          nesting := kernel+2
          nesting := kernel
          word -hardirq -nmi
          belief := prepared
          belief := on
          DAIFClr AIF
          body user_serror [....] on the task stack
          DAIFSet DAIF
          belief := off
          belief := prepared
          nesting := 0
          watching: no
          belief := on
          ERET to EL0
    "#]]
    .assert_eq(&from_user(Exception::ContainedError).changes());
}

#[test]
fn uncorrected_error_in_user_mode() {
    expect![[r#"
        UncorrectedError from EL0
          belief := off
          watching: yes
          nesting := kernel
          DAIFClr D
          word +hardirq +nmi
          nesting := kernel+2
          die of uncorrected SError [.AIF] on the task stack
    "#]]
    .assert_eq(&from_user(Exception::UncorrectedError).changes());
}

#[test]
fn vector_that_nothing_comes_to() {
    expect![[r#"
        OnSpEl0 from EL1 [....]
          word +hardirq +nmi
          belief := off
          nesting := kernel+2
          die of exception through a vector that nothing should come to, which has no syndrome, [DAIF] on the task stack
    "#]]
    .assert_eq(&from_kernel(Exception::OnSpEl0).changes());
}

#[test]
fn vector_that_nothing_comes_to_from_user_mode() {
    expect![[r#"
        OnSpEl0 from EL0
          word +hardirq +nmi
          belief := off
          watching: yes
          nesting := 1
          die of exception through a vector that nothing should come to, which has no syndrome, [DAIF] on the task stack
    "#]]
    .assert_eq(&from_user(Exception::OnSpEl0).changes());
}

/// No room for a frame is left on the task's stack.
fn fill_stack() {
    with(|state| state.running.stack_pointer = TASK_STACK + 0x80);
}

#[test]
fn stack_overflow() {
    let report = sound::<Watched>(|mut cpu| {
        let _off = cpu.irqs_off();
        change_masks(crate::cpu::ALL);
        fill_stack();
        record();
        take(Exception::DataAbort);
    });
    expect![[r#"
        DataAbort from EL1 [DAIF]
          read ELR
          write frame.pc
          read SPSR
          write frame.pstate
          read ESR
          write frame.syndrome
          read FAR
          write frame.fault_address
          read DAIF
          load belief
          word +hardirq +nmi
          load watching
          load nesting
          nesting := kernel+2
          load watching
          die of kernel stack overflow [DAIF] on the overflow stack
    "#]]
    .assert_eq(&report.all());
}

/// What an abort left in ESR and FAR before is not the interrupt's.
#[test]
fn stack_overflow_that_an_interrupt_finds() {
    let report = sound::<Watched>(|_cpu| {
        take(Exception::DataAbort);
        fill_stack();
        record();
        take(Exception::Irq);
    });
    expect![[r#"
        Irq from EL1 [....]
          read ELR
          write frame.pc
          read SPSR
          write frame.pstate
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
          die of kernel stack overflow, which has no syndrome, [DAIF] on the overflow stack
    "#]]
    .assert_eq(&report.all());
}

/// What a kernel does not supply is fatal.
mod bodies {
    use super::*;
    use crate::scenario::{current_word, die};
    use vestibule::Kernel;
    use vestibule_arm64::{Arm64, Bodies, Daif, Frame, GicV3};

    enum Bare {}
    impl Kernel for Bare {
        type Machine = Arm64<Daif<Simulated>>;
        type Scheduler = ();
        type ContextTracking = ();
        type IrqTracing = ();
        type UserWork = ();
        type SyscallWork = ();
        type Softirqs = ();
        type Checks = ();
    }
    impl Bodies for Bare {
        type Backend = Daif<Simulated>;
        type Controller = GicV3<Daif<Simulated>>;
        fn die(_: vestibule_arm64::Dying<Self>, what: &'static str, _: &Frame) -> ! {
            let (masks, word) = (with(|state| state.masks()), current_word());
            crate::cpu::step(format!("die of {what} [{masks}], NMI {}", word.nmis()));
            die()
        }
    }

    #[test]
    fn each() {
        let kernel = |exception| {
            simulate::<Bare>(move |_cpu| {
                record();
                take(exception);
            })
        };
        let user = |exception| {
            simulate::<Bare>(move |cpu| {
                in_user_mode(cpu, || {
                    record();
                    take(exception);
                })
            })
        };
        let died = [
            kernel(Exception::DataAbort),
            kernel(Exception::Undefined),
            kernel(Exception::Brk),
            kernel(Exception::Irq),
            user(Exception::Svc),
            user(Exception::DataAbort),
            user(Exception::Undefined),
            user(Exception::Brk),
            user(Exception::Unhandled),
            user(Exception::Irq),
        ];
        let died: String = died.iter().map(Report::kernel).collect();
        expect![[r#"
            die of kernel abort [DAIF], NMI 1
            die of undefined instruction in the kernel [DAIF], NMI 1
            die of kernel BRK [DAIF], NMI 1
            die of interrupt [DAIF], NMI 1
            die of system call [DAIF], NMI 1
            die of user abort [DAIF], NMI 1
            die of undefined instruction in user mode [DAIF], NMI 1
            die of user BRK [DAIF], NMI 1
            die of unhandled exception in user mode [DAIF], NMI 1
            die of interrupt [DAIF], NMI 1
        "#]]
        .assert_eq(&died);
        // A corrected error is none to die of.
        assert_eq!(kernel(Exception::CorrectedError).kernel() + &user(Exception::CorrectedError).kernel(), "");
    }
}
