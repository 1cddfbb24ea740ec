//! Rounds: what a program does again and again, marked where each begins, and all that the kernel ran meanwhile.

use crate::report::{Counts, Round, Spread};
use std::collections::BTreeMap;

/// The rounds of one CPU that runs, and those that are over.
#[derive(Default)]
pub struct Rounds {
    over: BTreeMap<u8, Of>,
    /// The phase of the round that runs, and the kernel's counters when it began.
    begun: Option<(u8, Counts<u64>)>,
    /// All that the kernel has run.
    kernel: Counts<u64>,
    interrupted: bool,
}

/// The rounds of one phase.
#[derive(Default)]
struct Of {
    clean: Vec<Counts<u64>>,
    disturbed: u64,
}

impl Rounds {
    /// The kernel ran so much.
    pub fn ran(&mut self, counts: Counts<u64>) {
        self.kernel += counts;
    }

    /// An interrupt came: the round that runs is not only what it would have been.
    pub fn interrupted(&mut self) {
        self.interrupted = true;
    }

    /// A round ends, if one ran, and another begins.
    pub fn begin(&mut self, phase: Option<u8>) {
        if let Some((phase, before)) = self.begun {
            let of = self.over.entry(phase).or_default();
            if self.interrupted {
                of.disturbed += 1;
            } else {
                of.clean.push(self.kernel - before);
            }
        }
        self.begun = phase.map(|phase| (phase, self.kernel));
        self.interrupted = false;
    }

    /// The round that runs is not one: the phase is over.
    pub fn end(&mut self) {
        self.begun = None;
    }

    /// Adds another CPU's.
    pub fn merge(&mut self, other: Rounds) {
        for (phase, theirs) in other.over {
            let ours = self.over.entry(phase).or_default();
            ours.clean.extend(theirs.clean);
            ours.disturbed += theirs.disturbed;
        }
    }

    /// A line for each phase that has any.
    pub fn report(&self) -> Vec<Round> {
        let row = |(&phase, of): (&u8, &Of)| Round {
            phase,
            count: of.clean.len() as u64,
            disturbed: of.disturbed,
            clean: (!of.clean.is_empty()).then(|| Counts::<Spread>::over(&of.clean)),
        };
        self.over.iter().map(row).collect()
    }
}
