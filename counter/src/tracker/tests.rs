//! Sequences of vectors and returns, with hand-counted results.

use super::*;
use crate::class::Origin;
use crate::report::{Events, Measures, Report};

const SVC: u64 = 0x5600_0000;
const STACK_A: u64 = 0xa000;
const STACK_B: u64 = 0xb000;

fn call() -> Class {
    Class::new(Origin::El0_64, Kind::Sync, SVC, 1)
}

fn interrupt(from: Origin) -> Class {
    Class::new(from, Kind::Irq, 0, 0)
}

/// Counters after so many instructions.
fn at(instructions: u64) -> Counts<u64> {
    Counts { total: Measures { instructions, ..Measures::default() }, ..Counts::default() }
}

fn events(report: &Report, class: Class) -> Events {
    report.whole_run.iter().find(|sum| sum.class == class).unwrap().events
}

fn instructions(report: &Report, class: Class) -> u64 {
    report.whole_run.iter().find(|sum| sum.class == class).unwrap().sum.total.instructions
}

#[test]
fn an_event_is_what_ran_between_vector_and_return() {
    let mut tracker = Tracker::default();
    tracker.enter(call(), STACK_A, at(100));
    tracker.leave(STACK_A, at(150));
    tracker.enter(call(), STACK_A, at(1000));
    tracker.leave(STACK_A, at(1060));
    let report = tracker.finish().report();
    let spread = report.phases[0].clean.unwrap().total.instructions;
    assert_eq!((spread.min, spread.median, spread.max), (50, 50, 60));
    assert_eq!(events(&report, call()), Events { count: 2, ..Events::default() });
    assert_eq!(instructions(&report, call()), 110);
}

#[test]
fn a_nested_event_is_counted_apart_and_disturbs_the_outer_one() {
    let mut tracker = Tracker::default();
    tracker.enter(call(), STACK_A, at(0));
    tracker.enter(interrupt(Origin::El1h), STACK_A - 64, at(10));
    tracker.leave(STACK_A - 64, at(40));
    tracker.leave(STACK_A, at(45));
    let report = tracker.finish().report();
    assert_eq!(events(&report, call()), Events { disturbed: 1, ..Events::default() });
    assert_eq!(instructions(&report, call()), 15);
    assert_eq!(events(&report, interrupt(Origin::El1h)), Events { count: 1, ..Events::default() });
    assert_eq!(instructions(&report, interrupt(Origin::El1h)), 30);
    assert!(report.phases.iter().find(|row| row.class == call()).unwrap().clean.is_none());
}

#[test]
fn two_tasks_that_switch_inside_their_calls_are_paired_and_dropped() {
    let mut tracker = Tracker::default();
    tracker.enter(call(), STACK_A, at(0)); // A calls and switches to B, which is new
    tracker.leave(STACK_B, at(50));
    tracker.enter(call(), STACK_B, at(60)); // B calls and switches back
    tracker.leave(STACK_A, at(90));
    tracker.enter(call(), STACK_A, at(100)); // A calls without a switch: clean, though B's call is open
    tracker.leave(STACK_A, at(120));
    tracker.enter(call(), STACK_A, at(130)); // A calls and switches to B again
    tracker.leave(STACK_B, at(170));
    let report = tracker.finish().report();
    assert_eq!(events(&report, call()), Events { count: 1, disturbed: 0, switched: 2, unfinished: 1 });
    assert_eq!(instructions(&report, call()), 20);
    assert_eq!(report.unmatched_returns, 1);
}

#[test]
fn a_switch_seen_at_its_instruction_drops_what_was_open() {
    let mut tracker = Tracker::default();
    tracker.enter(call(), STACK_A, at(0));
    tracker.switch(); // to a kernel thread and back, which no ERET shows
    tracker.switch();
    tracker.leave(STACK_A, at(500));
    tracker.enter(call(), STACK_A, at(600));
    tracker.leave(STACK_A, at(620));
    let report = tracker.finish().report();
    assert_eq!(events(&report, call()), Events { count: 1, switched: 1, ..Events::default() });
}

#[test]
fn preemption_inside_an_interrupt_drops_the_interrupt_and_the_call_under_it() {
    let mut tracker = Tracker::default();
    tracker.enter(call(), STACK_A, at(0));
    tracker.enter(interrupt(Origin::El1h), STACK_A - 64, at(10)); // switches to B, which returns to its program
    tracker.leave(STACK_B, at(40));
    tracker.enter(interrupt(Origin::El0_64), STACK_B, at(50)); // switches back to A
    tracker.leave(STACK_A - 64, at(80));
    tracker.leave(STACK_A, at(85));
    let report = tracker.finish().report();
    assert_eq!(events(&report, call()).switched, 1);
    assert_eq!(events(&report, interrupt(Origin::El1h)).switched, 1);
    assert_eq!(events(&report, interrupt(Origin::El0_64)).unfinished, 1);
    assert!(report.whole_run.iter().all(|sum| sum.sum == Counts::default()));
}

#[test]
fn a_task_that_ends_inside_its_call_leaves_an_unfinished_event() {
    let mut tracker = Tracker::default();
    tracker.enter(call(), STACK_A, at(0)); // exits; its stack goes to a new task
    tracker.leave(STACK_B, at(50));
    tracker.enter(call(), STACK_A, at(70));
    tracker.leave(STACK_A, at(90));
    let report = tracker.finish().report();
    assert_eq!(events(&report, call()), Events { count: 1, unfinished: 1, ..Events::default() });
    assert_eq!(instructions(&report, call()), 20);
}

#[test]
fn an_exception_on_the_first_instruction_of_a_vector_is_nested() {
    let mut tracker = Tracker::default();
    tracker.enter(call(), STACK_A, at(0));
    tracker.enter(interrupt(Origin::El1h), STACK_A, at(0)); // the same stack pointer: nothing was pushed yet
    tracker.leave(STACK_A, at(7));
    tracker.leave(STACK_A, at(27));
    let report = tracker.finish().report();
    assert_eq!(instructions(&report, interrupt(Origin::El1h)), 7);
    assert_eq!(instructions(&report, call()), 20);
}

#[test]
fn events_belong_to_the_phase_they_begin_in() {
    let mut tracker = Tracker::default();
    tracker.enter(call(), STACK_A, at(0));
    tracker.leave(STACK_A, at(1));
    for (phase, begin, length) in [(3, 100, 10), (5, 200, 20), (3, 300, 12)] {
        tracker.mark(Mark::Begin(phase));
        tracker.enter(call(), STACK_A, at(begin));
        tracker.leave(STACK_A, at(begin + length));
        tracker.mark(Mark::End);
    }
    let report = tracker.finish().report();
    let rows: Vec<_> = report.phases.iter().map(|row| (row.phase, row.events.count)).collect();
    assert_eq!(rows, [(None, 1), (Some(3), 2), (Some(5), 1)]);
}

#[test]
fn reports_of_two_cpus_add_up_and_survive_json() {
    let run = || {
        let mut tracker = Tracker::default();
        tracker.enter(call(), STACK_A, at(0));
        tracker.leave(STACK_A, at(30));
        tracker.finish()
    };
    let mut merged = run();
    merged.merge(run());
    let report = merged.report();
    assert_eq!(events(&report, call()).count, 2);
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}

#[test]
fn a_round_is_all_that_the_kernel_ran_for_whichever_task() {
    let mut tracker = Tracker::default();
    tracker.mark(Mark::Begin(3));
    tracker.mark(Mark::Round);
    tracker.enter(call(), STACK_A, at(100));
    // Another task returns from its call, and makes one in which the first goes on.
    tracker.leave(STACK_B, at(150));
    tracker.enter(call(), STACK_B, at(170));
    tracker.leave(STACK_A, at(200));
    tracker.mark(Mark::Round);
    tracker.enter(interrupt(Origin::El0_64), STACK_A, at(300));
    tracker.leave(STACK_A, at(400));
    tracker.mark(Mark::Round);
    tracker.enter(call(), STACK_A, at(500));
    tracker.leave(STACK_A, at(510));
    tracker.mark(Mark::End);
    let [round] = &tracker.finish().report().rounds[..] else { panic!("one phase has rounds") };
    assert_eq!((round.phase, round.count, round.disturbed), (3, 1, 1));
    assert_eq!(round.clean.unwrap().total.instructions.median, 80);
}
