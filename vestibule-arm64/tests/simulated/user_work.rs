//! The work loop on the way back to user mode.

use crate::exceptions::{Exception, in_user_mode, take};
use crate::kernels::{RESCHED, Watched};
use crate::scenario::{at_text, record, set, set_remotely, sound, sound_in_user_mode};
use crate::steps::Report;
use expect_test::expect;
use vestibule::Flags;

/// A system call that finds these flags at its end.
fn work(flags: impl Into<Option<Flags>>, also: impl FnOnce() + Send + 'static) -> Report {
    let flags = flags.into();
    sound_in_user_mode::<Watched>(move || {
        record();
        if let Some(flags) = flags {
            at_text("body", move || set(flags));
        }
        also();
        take(Exception::Svc);
    })
}

fn is_work_left(report: &Report) -> bool {
    let every = RESCHED.and(Flags::RESCHED_LAZY).and(Flags::SIGNAL).and(Flags::NOTIFY_RESUME).and(Flags::OTHER);
    report.end.as_ref().expect("it lives").word.work().any_of(every)
}

/// Rescheduling needs no more than `NoIrq`.
#[test]
fn reschedule() {
    let report = work(RESCHED, || {});
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
          word sets resched
          read DAIF
          load word
          DAIFSet DAIF
          read DAIF
          belief := off
          load watching
          read SP
          load word
          load word
          DAIFClr DA
          schedule UserExit [..IF] on the task stack
          word clears resched resched-lazy
          read DAIF
          DAIFSet DAIF
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
    "#]]
    .assert_eq(&report.all());
}

#[test]
fn reschedule_lazily() {
    let report = work(Flags::RESCHED_LAZY, || {});
    expect![[r#"
          body syscall [....] on the task stack
          schedule UserExit [..IF] on the task stack
    "#]]
    .assert_eq(&report.kernel());
}

/// What runs for the task itself opens everything.
#[test]
fn signal() {
    let report = work(Flags::SIGNAL, || {});
    expect![[r#"
        Svc from EL0
          belief := off
          watching: yes
          nesting := kernel
          belief := prepared
          belief := on
          DAIFClr DAIF
          body syscall [....] on the task stack
          word sets signal
          DAIFSet DAIF
          belief := off
          DAIFClr DA
          belief := prepared
          belief := on
          DAIFClr IF
          work signal [....] on the task stack
          word clears signal
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

#[test]
fn notify_resume() {
    let report = work(Flags::NOTIFY_RESUME, || {});
    expect![[r#"
          body syscall [....] on the task stack
          work notify_resume [....] on the task stack
    "#]]
    .assert_eq(&report.kernel());
}

#[test]
fn other() {
    for number in 0..12 {
        let report = work(Flags::other(number), || {});
        assert_eq!(report.kernel().matches("work other [....]").count(), 1, "{}", report.kernel());
        assert!(!is_work_left(&report));
    }
}

/// Their order (C54), in one pass.
#[test]
fn all_at_once() {
    let every = RESCHED.and(Flags::RESCHED_LAZY).and(Flags::SIGNAL).and(Flags::NOTIFY_RESUME).and(Flags::other(3));
    let report = work(every, || {});
    expect![[r#"
        Svc from EL0
          belief := off
          watching: yes
          nesting := kernel
          belief := prepared
          belief := on
          DAIFClr DAIF
          body syscall [....] on the task stack
          word sets resched resched-lazy signal notify-resume other
          DAIFSet DAIF
          belief := off
          DAIFClr DA
          schedule UserExit [..IF] on the task stack
          word clears resched resched-lazy
          belief := prepared
          belief := on
          DAIFClr IF
          work signal [....] on the task stack
          word clears signal
          work notify_resume [....] on the task stack
          word clears notify-resume
          work other [....] on the task stack
          word clears tag-fault other
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

/// Any exception of user mode ends in the same loop.
#[test]
fn after_every_class() {
    let classes = [
        Exception::DataAbort,
        Exception::InstructionAbort,
        Exception::Undefined,
        Exception::Brk,
        Exception::Unhandled,
        Exception::Irq,
        Exception::CorrectedError,
        Exception::ContainedError,
    ];
    for exception in classes {
        let report = sound_in_user_mode::<Watched>(move || {
            record();
            at_text("body", || set(RESCHED.and(Flags::SIGNAL)));
            take(exception);
        });
        let kernel = report.kernel();
        let work = kernel.split_once('\n').expect("the body comes first").1;
        assert_eq!(
            work, "schedule UserExit [..IF] on the task stack\nwork signal [....] on the task stack\n",
            "{exception:?}"
        );
    }
}

#[test]
fn first_return() {
    let report = sound::<Watched>(|cpu| {
        set(RESCHED.and(Flags::SIGNAL));
        record();
        in_user_mode(cpu, || {});
    });
    expect![[r#"
        DAIFSet DAIF
        belief := off
        DAIFClr DA
        schedule UserExit [..IF] on the task stack
        word clears resched resched-lazy
        belief := prepared
        belief := on
        DAIFClr IF
        work signal [....] on the task stack
        word clears signal
        DAIFSet DAIF
        belief := off
        load V0 to V31
        cpu.fpsimd_of := a task
        thread.fpsimd.loaded_by := this CPU
        belief := prepared
        nesting := 0
        watching: no
        belief := on
        ERET to EL0
    "#]]
    .assert_eq(&report.changes());
}

/// Another CPU sets a flag during the work: its interrupt comes in the middle of it, and the loop looks again.
#[test]
fn a_remote_flag_during_the_work() {
    let report = work(Flags::NOTIFY_RESUME, || {
        at_text("word clears notify-resume", || set_remotely(Flags::SIGNAL));
    });
    expect![[r#"
          body syscall [....] on the task stack
          work notify_resume [....] on the task stack
            body interrupt [..IF] on the irq stack
          work signal [....] on the task stack
    "#]]
    .assert_eq(&report.kernel());
}

/// The same after the last look: the flag stays, and its interrupt comes as soon as user mode runs.
#[test]
fn a_remote_flag_after_the_last_look_is_not_lost() {
    let report = work(None, || {
        at_text("write SPSR", || set_remotely(Flags::SIGNAL));
    });
    expect![[r#"
          body syscall [....] on the task stack
            body interrupt [..IF] on the irq stack
            work signal [....] on the task stack
    "#]]
    .assert_eq(&report.kernel());
    assert!(!is_work_left(&report));
}
