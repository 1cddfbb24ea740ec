//! Context tracking: every sequence of entries and exits that nests, with an NMI after every access to memory.

use crate::kernel::{ToyKernel, broken};
use crate::port::{access_is_over, at_access, reset_state, state};
use vestibule::{ContextTracking, Tracked};

type Tracking = Tracked;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    UserEnter,
    UserExit,
    IdleEnter,
    IdleExit,
    IrqEnter,
    IrqExit,
    NmiEnter,
    NmiExit,
}
use Change::*;

impl Change {
    fn make(self) {
        match self {
            UserEnter => <Tracking as ContextTracking<ToyKernel>>::user_enter(),
            UserExit => <Tracking as ContextTracking<ToyKernel>>::user_exit(),
            IdleEnter => <Tracking as ContextTracking<ToyKernel>>::idle_enter(),
            IdleExit => <Tracking as ContextTracking<ToyKernel>>::idle_exit(),
            IrqEnter => <Tracking as ContextTracking<ToyKernel>>::irq_enter(),
            IrqExit => <Tracking as ContextTracking<ToyKernel>>::irq_exit(),
            NmiEnter => <Tracking as ContextTracking<ToyKernel>>::nmi_enter(),
            NmiExit => <Tracking as ContextTracking<ToyKernel>>::nmi_exit(),
        }
    }
}

fn watching() -> bool {
    <Tracking as ContextTracking<ToyKernel>>::watching()
}

/// What tracking should know: where process level is, and the entries on top of it.
#[derive(Clone, Default)]
struct Expected {
    process_level: ProcessLevel,
    entries: Vec<Change>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum ProcessLevel {
    #[default]
    Kernel,
    User,
    Idle,
}

impl Expected {
    fn watching(&self) -> bool {
        self.process_level == ProcessLevel::Kernel || !self.entries.is_empty()
    }

    /// What may come next. Interrupts do not come in user mode as such (that is `UserExit`), nor in an NMI.
    fn next(&self) -> Vec<Change> {
        let mut next = vec![NmiEnter];
        if !self.entries.contains(&NmiEnter) && self.process_level != ProcessLevel::User {
            next.push(IrqEnter);
        }
        match self.entries.last() {
            Some(NmiEnter) => next.push(NmiExit),
            Some(_) => next.push(IrqExit),
            None => next.extend_from_slice(match self.process_level {
                ProcessLevel::Kernel => &[UserEnter, IdleEnter],
                ProcessLevel::User => &[UserExit],
                ProcessLevel::Idle => &[IdleExit],
            }),
        }
        next
    }

    fn after(&self, change: Change) -> Expected {
        let mut after = self.clone();
        match change {
            UserEnter => after.process_level = ProcessLevel::User,
            IdleEnter => after.process_level = ProcessLevel::Idle,
            UserExit | IdleExit => after.process_level = ProcessLevel::Kernel,
            IrqEnter | NmiEnter => after.entries.push(change),
            IrqExit | NmiExit => drop(after.entries.pop()),
        }
        after
    }
}

/// Every sequence of `length` changes that nests.
fn sequences(length: usize) -> Vec<Vec<Change>> {
    let mut sequences = vec![(Vec::new(), Expected::default())];
    for _ in 0..length {
        sequences = sequences
            .into_iter()
            .flat_map(|(sequence, expected)| {
                expected.next().into_iter().map(move |change| {
                    let mut longer: Vec<Change> = sequence.clone();
                    longer.push(change);
                    (longer, expected.after(change))
                })
            })
            .collect();
    }
    sequences.into_iter().map(|(sequence, _)| sequence).collect()
}

fn run(sequence: &[Change]) {
    let mut expected = Expected::default();
    for change in sequence {
        let before = state().snapshot();
        change.make();
        let slept = expected.watching() && !expected.after(*change).watching();
        expected = expected.after(*change);
        assert_eq!(watching(), expected.watching(), "after {change:?} in {sequence:?}");
        assert_eq!(state().snapshot() & 1 == 1, expected.watching(), "after {change:?} in {sequence:?}");
        assert!(!slept || state().snapshot() != before, "{change:?} in {sequence:?} slept unseen");
    }
    assert_eq!(broken(), [], "{sequence:?}");
}

#[test]
fn every_sequence() {
    for sequence in sequences(8) {
        reset_state();
        run(&sequence);
    }
}

/// What an NMI does in the middle of anything: it is watched, and leaves everything as it was (C85).
fn nmi() {
    NmiEnter.make();
    assert!(watching(), "an NMI is watched");
    NmiExit.make();
}

#[test]
fn every_sequence_with_an_nmi_at_every_access() {
    for sequence in sequences(6) {
        for access in 0.. {
            reset_state();
            at_access(access, nmi);
            run(&sequence);
            if !access_is_over() {
                break;
            }
        }
    }
}

/// An NMI in an NMI.
#[test]
fn every_sequence_with_nested_nmis_at_every_access() {
    for sequence in sequences(4) {
        for access in 0.. {
            reset_state();
            at_access(access, || {
                at_access(2, nmi);
                nmi();
                access_is_over();
            });
            run(&sequence);
            if !access_is_over() {
                break;
            }
        }
    }
}
