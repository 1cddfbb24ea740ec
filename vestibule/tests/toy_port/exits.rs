//! Exceptions, through the combined exit.

use crate::kernel::{Call, broken, call, fault, interrupt, runs, user_interrupt};
use crate::port::{Frame, Toy, boot, first, happened, run_as, set_mask, state, take, word};
use vestibule::{Flags, TaskWord};

fn fault_of_code_with(irqs_on: bool) {
    set_mask(!irqs_on);
    take(&mut Frame::of_code_with(irqs_on), |taken| {
        fault(taken, |cpu, _| {
            runs("body");
            cpu
        })
    });
}

fn interrupted() {
    take(&mut Frame::of_code_with(true), |taken| {
        interrupt(taken, |cpu, _| {
            runs("body");
            cpu
        })
    });
}

fn called(flags: impl Into<Option<Flags>>) -> Frame {
    let mut frame = Frame::of_code_with(true);
    take(&mut frame, |taken| {
        call(taken, |cpu, _| {
            runs("body");
            if let Some(flags) = flags.into() {
                cpu.task_word().set::<Toy>(flags);
            }
            cpu
        })
    });
    frame
}

fn to_user_mode() {
    first::<Call>(boot(), &mut Frame::of_code_with(true));
    happened();
}

#[test]
fn fault_inherits() {
    let _cpu = boot();
    fault_of_code_with(true);
    assert_eq!(happened(), ["fault", "open", "body, open", "mask", "return"]);
    fault_of_code_with(false);
    assert_eq!(happened(), ["fault", "body, masked", "mask", "return"]);
    assert_eq!(broken(), []);
}

#[test]
fn fault_preempts() {
    let _cpu = boot();
    word().set::<Toy>(Flags::RESCHED);
    fault_of_code_with(false);
    assert_eq!(happened(), ["fault", "body, masked", "mask", "return"]);
    fault_of_code_with(true);
    let schedule = "schedule KernelExit(\"fault\"), masked";
    assert_eq!(happened(), ["fault", "open", "body, open", "mask", schedule, "return"]);
    assert!(!word().read::<Toy>().work().any_of(Flags::RESCHED));
    assert_eq!(broken(), []);
}

/// One mask serves for all contexts: no mask write at all, preempted or not.
#[test]
fn interrupt_writes_no_mask() {
    let _cpu = boot();
    interrupted();
    assert_eq!(happened(), ["interrupt", "body, masked", "return"]);
    word().set::<Toy>(Flags::RESCHED);
    interrupted();
    let schedule = "schedule KernelExit(\"interrupt\"), masked";
    assert_eq!(happened(), ["interrupt", "body, masked", schedule, "return"]);
}

#[test]
fn interrupt_is_counted() {
    let mut cpu = boot();
    let _off = cpu.preempt_off();
    take(&mut Frame::of_code_with(true), |taken| {
        interrupt(taken, |cpu, _| {
            let word = cpu.task_word().read::<Toy>();
            assert!(word.in_interrupt() && !word.is_preemptible());
            cpu
        })
    });
    assert!(!word().read::<Toy>().in_interrupt());
}

/// A machine with one mask cannot tell `NoIrq` from `Critical`, and need not.
#[test]
fn checks_ask_no_more_than_the_machine_can_tell() {
    let _cpu = boot();
    interrupted();
    assert_eq!(broken(), []);
}

#[test]
fn idle_task_is_not_preempted() {
    run_as(TaskWord::idle());
    let _cpu = boot();
    word().set::<Toy>(Flags::RESCHED);
    interrupted();
    assert_eq!(happened(), ["interrupt", "body, masked", "return"]);
}

#[test]
fn call_from_user_mode() {
    to_user_mode();
    let asleep = state().snapshot();
    assert_eq!(asleep & 1, 0, "nobody watches user mode");
    let frame = called(None);
    assert_eq!(happened(), ["call", "open", "body, open", "mask", "return"]);
    assert_eq!(frame.syscall, Some(64));
    assert_eq!(state().snapshot(), asleep + 2, "watched in between");
    assert_eq!(broken(), []);
}

#[test]
fn call_with_rescheduling_alone_stays_masked() {
    to_user_mode();
    called(Flags::RESCHED_LAZY);
    assert_eq!(happened(), ["call", "open", "body, open", "mask", "schedule UserExit, masked", "return"]);
    assert_eq!(broken(), []);
}

/// `notify_resume` raises a signal, which the next look finds.
#[test]
fn call_with_work() {
    to_user_mode();
    called(Flags::RESCHED.and(Flags::NOTIFY_RESUME).and(Flags::other(11)));
    let first_pass = ["schedule UserExit, masked", "open", "notify_resume, open", "other, open", "mask"];
    let second_pass = ["open", "signal, open", "mask", "return"];
    assert_eq!(happened(), [&["call", "open", "body, open", "mask"], &first_pass[..], &second_pass].concat());
    assert_eq!(broken(), []);
}

#[test]
fn interrupt_from_user_mode() {
    to_user_mode();
    let mut frame = Frame { irqs_on: true, syscall: Some(1) };
    take(&mut frame, |taken| {
        user_interrupt(taken, |cpu, _| {
            runs("body");
            cpu.task_word().set::<Toy>(Flags::RESCHED);
            cpu
        })
    });
    assert_eq!(happened(), ["user interrupt", "body, masked", "schedule UserExit, masked", "return"]);
    assert_eq!(frame.syscall, None, "no system call (C115)");
}

#[test]
fn first_return_does_the_work() {
    let cpu = boot();
    word().set::<Toy>(Flags::SIGNAL);
    first::<Call>(cpu, &mut Frame::of_code_with(true));
    assert_eq!(happened(), ["mask", "open", "signal, open", "mask"]);
    assert_eq!(state().snapshot() & 1, 0);
    assert_eq!(broken(), []);
}

/// A fault in a system call, an interrupt in the fault.
#[test]
fn nested() {
    to_user_mode();
    take(&mut Frame::of_code_with(true), |taken| {
        call(taken, |cpu, _| {
            take(&mut Frame::of_code_with(true), |taken| {
                fault(taken, |cpu, _| {
                    interrupted();
                    cpu
                })
            });
            cpu
        })
    });
    let inner = ["interrupt", "body, masked", "return"];
    let outer: [&[&str]; 3] = [&["call", "open", "fault", "open"], &inner, &["mask", "return", "mask", "return"]];
    assert_eq!(happened(), outer.concat());
    assert_eq!(state().snapshot() & 1, 0);
}
