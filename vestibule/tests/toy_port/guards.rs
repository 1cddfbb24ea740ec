//! What bodies take from their tokens.

use crate::kernel::{ToyKernel, broken, fault};
use crate::port::{Frame, Toy, at_wait, boot, happened, is_masked, run_as, set_mask, state, take, word};
use vestibule::{Flags, IrqsSaved, Resolved, TaskWord};

#[test]
fn irqs_off() {
    let mut cpu = boot();
    let off = cpu.irqs_off();
    assert!(is_masked());
    drop(off);
    assert!(!is_masked());
    assert_eq!(happened(), ["mask", "open"]);
    assert_eq!(broken(), []);
}

#[test]
fn preempt_off() {
    let mut cpu = boot();
    let off = cpu.preempt_off();
    assert!(!word().read::<Toy>().is_preemptible());
    drop(off);
    assert!(word().read::<Toy>().is_preemptible());
    assert_eq!(happened(), [""; 0], "a count, and no mask");
}

/// What is asked for meanwhile is done at the guard's end (C38).
#[test]
fn preemption_waits_for_the_guard() {
    let mut cpu = boot();
    let off = cpu.preempt_off();
    off.task_word().set::<Toy>(Flags::RESCHED);
    assert_eq!(happened(), [""; 0]);
    drop(off);
    assert_eq!(happened(), ["mask", "schedule PreemptionEnabled, masked", "open"]);
    assert!(!word().read::<Toy>().work().any_of(Flags::RESCHED));
    assert_eq!(broken(), []);
}

#[test]
fn lazy_preemption_does_not() {
    let mut cpu = boot();
    let off = cpu.preempt_off();
    off.task_word().set::<Toy>(Flags::RESCHED_LAZY);
    drop(off);
    assert_eq!(happened(), [""; 0]);
}

/// Interrupts masked with preemption off: open again first, and preempted after that.
#[test]
fn guards_in_each_other() {
    let mut cpu = boot();
    let mut off = cpu.preempt_off();
    {
        let irqs_off = off.irqs_off();
        irqs_off.task_word().set::<Toy>(Flags::RESCHED);
        assert!(is_masked());
    }
    assert!(!is_masked());
    drop(off);
    assert_eq!(happened(), ["mask", "open", "mask", "schedule PreemptionEnabled, masked", "open"]);
    assert_eq!(broken(), []);
}

#[test]
fn schedule() {
    let mut cpu = boot();
    cpu.schedule();
    assert_eq!(happened(), ["mask", "schedule Asked, masked", "open"]);
    assert_eq!(broken(), []);
}

/// Whether the body of a fault finds out that it may sleep.
fn may_sleep(irqs_on: bool) -> bool {
    let mut may = false;
    set_mask(!irqs_on);
    take(&mut Frame::of_code_with(irqs_on), |taken| {
        fault(taken, |cpu, _| {
            let resolved = cpu.resolve();
            may = matches!(resolved, Resolved::Process(_));
            resolved.inherit()
        })
    });
    may
}

#[test]
fn resolve() {
    let mut cpu = boot();
    assert!(may_sleep(true));
    assert!(!may_sleep(false), "interrupts were masked");
    set_mask(false);
    let _off = cpu.preempt_off();
    assert!(!may_sleep(true), "preemption was off");
    assert_eq!(broken(), []);
}

#[test]
fn resolved_may_sleep() {
    let _cpu = boot();
    take(&mut Frame::of_code_with(true), |taken| {
        fault(taken, |cpu, _| match cpu.resolve() {
            Resolved::Process(mut cpu) => {
                cpu.schedule();
                Resolved::Process(cpu).inherit()
            }
            masked => masked.inherit(),
        })
    });
    assert_eq!(happened(), ["fault", "open", "mask", "schedule Asked, masked", "open", "mask", "return"]);
    assert_eq!(broken(), []);
}

/// For code that cannot know: only the outermost opens.
#[test]
fn irqs_saved() {
    let _cpu = boot();
    let outer = IrqsSaved::<ToyKernel>::save();
    let inner = IrqsSaved::<ToyKernel>::save();
    assert!(is_masked());
    drop(inner);
    assert!(is_masked(), "as it was");
    assert!(outer.cpu().task_word().read::<Toy>().is_preemptible());
    drop(outer);
    assert!(!is_masked());
    assert_eq!(happened(), ["mask", "open"]);
    assert_eq!(broken(), []);
}

#[test]
fn idle_waits_unwatched_and_masked() {
    run_as(TaskWord::idle());
    let mut cpu = boot();
    let before = state().snapshot();
    at_wait(|| {
        assert!(is_masked());
        assert_eq!(state().snapshot() & 1, 0);
    });
    cpu.idle();
    assert_eq!(happened(), ["mask", "wait", "open"]);
    assert_eq!(state().snapshot(), before + 2);
    assert_eq!(broken(), []);
}

#[test]
fn idle_does_not_wait_if_it_is_wanted() {
    run_as(TaskWord::idle());
    let mut cpu = boot();
    for flag in [Flags::RESCHED, Flags::RESCHED_LAZY] {
        word().set::<Toy>(flag);
        cpu.idle();
        assert_eq!(happened(), ["mask", "open"]);
        word().clear::<Toy>(flag);
    }
    assert_eq!(broken(), []);
}
