//! Closed events, kept until the end of the run and then turned into a report.

use crate::class::Class;
use crate::report::{Counts, Events, Report, Row, Sum};
use crate::rounds::Rounds;
use std::collections::BTreeMap;

/// What happened on one CPU, or on several once merged.
#[derive(Default)]
pub struct Ledger {
    entries: BTreeMap<(Option<u8>, Class), Entry>,
    unmatched_returns: u64,
    pub rounds: Rounds,
}

#[derive(Default)]
struct Entry {
    clean: Vec<Counts<u64>>,
    disturbed: Vec<Counts<u64>>,
    switched: u64,
    unfinished: u64,
}

impl Ledger {
    pub fn clean(&mut self, phase: Option<u8>, class: Class, counts: Counts<u64>) {
        self.entry(phase, class).clean.push(counts);
    }

    pub fn disturbed(&mut self, phase: Option<u8>, class: Class, counts: Counts<u64>) {
        self.entry(phase, class).disturbed.push(counts);
    }

    pub fn switched(&mut self, phase: Option<u8>, class: Class) {
        self.entry(phase, class).switched += 1;
    }

    pub fn unfinished(&mut self, phase: Option<u8>, class: Class) {
        self.entry(phase, class).unfinished += 1;
    }

    pub fn unmatched_return(&mut self) {
        self.unmatched_returns += 1;
    }

    /// Adds what happened on another CPU.
    pub fn merge(&mut self, other: Ledger) {
        for ((phase, class), theirs) in other.entries {
            let ours = self.entry(phase, class);
            ours.clean.extend(theirs.clean);
            ours.disturbed.extend(theirs.disturbed);
            ours.switched += theirs.switched;
            ours.unfinished += theirs.unfinished;
        }
        self.unmatched_returns += other.unmatched_returns;
        self.rounds.merge(other.rounds);
    }

    pub fn report(&self) -> Report {
        let row = |(&(phase, class), entry): (&(Option<u8>, Class), &Entry)| Row {
            phase,
            class,
            events: entry.events(),
            clean: (!entry.clean.is_empty()).then(|| Counts::over(&entry.clean)),
        };
        Report {
            phases: self.entries.iter().map(row).collect(),
            whole_run: self.sums(),
            unmatched_returns: self.unmatched_returns,
            rounds: self.rounds.report(),
        }
    }

    fn sums(&self) -> Vec<Sum> {
        let mut sums: BTreeMap<Class, (Events, Counts<u64>)> = BTreeMap::new();
        for (&(_, class), entry) in &self.entries {
            let (events, sum) = sums.entry(class).or_default();
            *events += entry.events();
            entry.clean.iter().chain(&entry.disturbed).for_each(|&counts| *sum += counts);
        }
        sums.into_iter().map(|(class, (events, sum))| Sum { class, events, sum }).collect()
    }

    fn entry(&mut self, phase: Option<u8>, class: Class) -> &mut Entry {
        self.entries.entry((phase, class)).or_default()
    }
}

impl Entry {
    fn events(&self) -> Events {
        Events {
            count: self.clean.len() as u64,
            disturbed: self.disturbed.len() as u64,
            switched: self.switched,
            unfinished: self.unfinished,
        }
    }
}
