//! An error or an interrupt at every step of every exception: what it interrupts takes exactly the steps that it takes
//! alone, and everything is afterwards as it would be without.

use crate::cpu::When;
use crate::exceptions::{Exception, in_user_mode, take};
use crate::kernels::{RESCHED, Watched};
use crate::scenario::{at, pend, record, set, simulate, simulate_task, sound};
use crate::steps::{Report, Step};
use vestibule::{Cpu, Flags, Process, TaskWord};

type Scenario = fn(Cpu<Watched, Process>);

/// The scenario with `exception` made pending at step `number`: taken there, if it is not masked, or as soon as it is
/// open.
fn with_pending(scenario: Scenario, word: fn() -> TaskWord, exception: Exception, number: usize) -> Report {
    simulate_task::<Watched>(word(), move |cpu| {
        at(When::Number(number), move || pend(exception));
        scenario(cpu);
    })
}

/// What the scenario itself did: the code outside exceptions, and those that it took by name.
fn own_steps(report: &Report, pended: Exception) -> Vec<&Step> {
    let header = format!("{pended:?} from");
    let nested = report.steps.iter().find(|step| step.text.starts_with(&header)).map(|step| step.exception);
    report.steps.iter().filter(|step| Some(step.exception) != nested).collect()
}

fn sweep(scenario: Scenario, word: fn() -> TaskWord, exceptions: &[Exception]) {
    let alone = simulate_task::<Watched>(word(), scenario);
    alone.assert_sound();
    for exception in exceptions {
        for number in 0..alone.steps.len() {
            let report = with_pending(scenario, word, *exception, number);
            let what = || format!("{exception:?} at step {number}:\n{}", report.all());
            assert!(report.broken.is_empty() && report.misused.is_empty(), "{}", what());
            assert_eq!(report.end, alone.end, "{}", what());
            let texts = |steps: Vec<&Step>| steps.iter().map(|step| step.text.clone()).collect::<Vec<_>>();
            assert_eq!(texts(own_steps(&report, *exception)), texts(alone.steps.iter().collect()), "{}", what());
        }
    }
}

const ERROR: &[Exception] = &[Exception::CorrectedError];
const BOTH: &[Exception] = &[Exception::CorrectedError, Exception::Irq];

fn kernel(exception: Exception) {
    record();
    take(exception);
}

#[test]
fn abort() {
    sweep(|_cpu| kernel(Exception::DataAbort), TaskWord::new, BOTH);
}

#[test]
fn abort_preempted() {
    sweep(
        |_cpu| {
            set(RESCHED);
            kernel(Exception::DataAbort);
        },
        TaskWord::new,
        ERROR,
    );
}

#[test]
fn abort_with_irqs_off() {
    sweep(
        |mut cpu| {
            record();
            let _off = cpu.irqs_off();
            take(Exception::DataAbort);
        },
        TaskWord::new,
        BOTH,
    );
}

#[test]
fn irq() {
    sweep(|_cpu| kernel(Exception::Irq), TaskWord::new, ERROR);
}

#[test]
fn irq_with_softirqs() {
    sweep(
        |_cpu| {
            crate::cpu::with(|state| state.softirqs = 2);
            kernel(Exception::Irq);
        },
        TaskWord::new,
        ERROR,
    );
}

#[test]
fn brk() {
    sweep(|_cpu| kernel(Exception::Brk), TaskWord::new, BOTH);
}

#[test]
fn serror() {
    sweep(|_cpu| kernel(Exception::CorrectedError), TaskWord::new, &[Exception::Irq]);
}

#[test]
fn idle_wait() {
    sweep(
        |mut cpu| {
            record();
            cpu.idle();
        },
        TaskWord::idle,
        BOTH,
    );
}

#[test]
fn irq_in_idle() {
    sweep(|_cpu| kernel(Exception::Irq), TaskWord::idle, ERROR);
}

fn user(cpu: Cpu<Watched, Process>, exception: Exception, flags: Option<Flags>) {
    in_user_mode(cpu, || {
        flags.into_iter().for_each(set);
        record();
        take(exception);
    });
}

#[test]
fn svc() {
    sweep(|cpu| user(cpu, Exception::Svc, None), TaskWord::new, BOTH);
}

#[test]
fn svc_with_work() {
    const EVERY: Flags = RESCHED.and(Flags::SIGNAL).and(Flags::other(0));
    sweep(|cpu| user(cpu, Exception::Svc, Some(EVERY)), TaskWord::new, ERROR);
}

#[test]
fn user_irq() {
    sweep(|cpu| user(cpu, Exception::Irq, None), TaskWord::new, ERROR);
}

#[test]
fn user_serror() {
    sweep(|cpu| user(cpu, Exception::CorrectedError, None), TaskWord::new, &[Exception::Irq]);
}

#[test]
fn user_serror_that_is_contained() {
    sweep(|cpu| user(cpu, Exception::ContainedError, None), TaskWord::new, BOTH);
}

#[test]
fn first_return() {
    sweep(
        |cpu| {
            record();
            in_user_mode(cpu, || {});
        },
        TaskWord::new,
        BOTH,
    );
}

/// Guards of bodies.
#[test]
fn guards() {
    sweep(
        |mut cpu| {
            record();
            drop(cpu.irqs_off());
            drop(cpu.preempt_off());
            cpu.schedule();
        },
        TaskWord::new,
        BOTH,
    );
}

/// The interrupt wants a reschedule: whatever it interrupted, nobody returns to preemptible code with that left undone.
#[test]
fn no_reschedule_is_lost() {
    let scenarios: [Scenario; 3] = [
        |_cpu| kernel(Exception::DataAbort),
        |_cpu| kernel(Exception::CorrectedError),
        |cpu| user(cpu, Exception::Svc, None),
    ];
    for scenario in scenarios {
        let steps = simulate::<Watched>(scenario).steps.len();
        for number in 0..steps {
            let report = sound::<Watched>(move |cpu| {
                crate::scenario::at_text("body interrupt", || set(RESCHED));
                at(When::Number(number), || pend(Exception::Irq));
                scenario(cpu);
            });
            let word = report.end.as_ref().expect("it lives").word;
            assert!(!word.work().any_of(RESCHED), "step {number}:\n{}", report.all());
        }
    }
}
