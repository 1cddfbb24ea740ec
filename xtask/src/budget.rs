//! What each path of entry and exit may cost: `budgets.toml`, held against what was counted.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use vestibule_counter::report::{Counts, Measures, Report, Spread};

use crate::workspace;

const FILE: &str = "budgets.toml";

/// All of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budgets {
    #[serde(rename = "path")]
    paths: Vec<Path>,
    #[serde(rename = "round", default)]
    rounds: Vec<Round>,
}

/// What a program does again and again, all that the kernel runs for it together. Limits as a path's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Round {
    name: String,
    phase: u8,
    /// With fewer rounds that no interrupt came in the median says nothing.
    rounds: u64,
    at_most: Limits,
}

/// One path's. Every limit is on the median over the clean events of its phase and class.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Path {
    name: String,
    /// The phase of the program `count`.
    phase: u8,
    /// The class as the counter prints it.
    class: String,
    /// With fewer clean events than this the median says nothing.
    events: u64,
    #[serde(default)]
    at_most: Limits,
    #[serde(default)]
    exactly: Limits,
}

type Limits = BTreeMap<Part, BTreeMap<Measure, u64>>;

/// The fields of [`Counts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    Total,
    EntryText,
}

/// The fields of [`Measures`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Measure {
    Instructions,
    DaifWrites,
    Barriers,
    Loads,
    Stores,
}

impl Budgets {
    /// Reads the repository's.
    pub fn read() -> Result<Self> {
        let path = workspace::root().join(FILE);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("cannot understand {}", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(toml::from_str(text)?)
    }

    /// How many limits there are.
    pub fn limits(&self) -> usize {
        let of_paths: usize = self.paths.iter().map(|path| path.limits().count()).sum();
        of_paths + self.rounds.iter().map(|round| limits(&round.at_most, false).count()).sum::<usize>()
    }

    /// Each path's name, whether it is a system call or a fault and no interrupt, and what it costs in entry text.
    pub fn costs(&self, report: &Report) -> Result<Vec<(&str, bool, Measures<Spread>)>> {
        let mut costs: Vec<(&str, bool, _)> = Vec::new();
        for path in &self.paths {
            let counts = path.counts(report).map_err(|why| anyhow!("{}: {why}", path.name))?;
            costs.push((&path.name, !path.class.contains("irq"), counts.entry_text));
        }
        Ok(costs)
    }

    /// One line for each limit that does not hold: path, figure, budget.
    pub fn exceeded(&self, report: &Report) -> Vec<String> {
        let of_paths = self.paths.iter().flat_map(|path| path.exceeded(report));
        of_paths.chain(self.rounds.iter().flat_map(|round| round.exceeded(report))).collect()
    }
}

impl Round {
    fn exceeded(&self, report: &Report) -> Vec<String> {
        let counted = report.rounds.iter().find(|round| round.phase == self.phase);
        let count = counted.map_or(0, |round| round.count);
        match counted.and_then(|round| round.clean).filter(|_| count >= self.rounds) {
            Some(counts) => {
                let exceeded = limits(&self.at_most, false).filter_map(|limit| limit.exceeded(&counts));
                exceeded.map(|why| format!("{}: {why}", self.name)).collect()
            }
            None => vec![format!("{}: phase {} had {count} clean rounds, not {}", self.name, self.phase, self.rounds)],
        }
    }
}

fn limits(limits: &Limits, exact: bool) -> impl Iterator<Item = Limit> {
    limits.iter().flat_map(move |(&part, measures)| {
        measures.iter().map(move |(&measure, &budget)| Limit { part, measure, budget, exact })
    })
}

/// A limit on one figure.
struct Limit {
    part: Part,
    measure: Measure,
    budget: u64,
    exact: bool,
}

impl Path {
    fn exceeded(&self, report: &Report) -> Vec<String> {
        match self.counts(report) {
            Ok(counts) => {
                let exceeded = self.limits().filter_map(|limit| limit.exceeded(&counts));
                exceeded.map(|why| format!("{}: {why}", self.name)).collect()
            }
            Err(why) => vec![format!("{}: {why}", self.name)],
        }
    }

    fn counts(&self, report: &Report) -> Result<Counts<Spread>, String> {
        let Path { phase, class, events, .. } = self;
        let mut rows = report.phases.iter();
        let row = rows.find(|row| row.phase == Some(*phase) && row.class.to_string() == *class);
        let row = row.ok_or_else(|| format!("phase {phase} had no event of the class `{class}`"))?;
        match row.clean {
            Some(counts) if row.events.count >= *events => Ok(counts),
            _ => {
                Err(format!("phase {phase} had {} clean events of the class `{class}`, not {events}", row.events.count))
            }
        }
    }

    fn limits(&self) -> impl Iterator<Item = Limit> {
        limits(&self.at_most, false).chain(limits(&self.exactly, true))
    }
}

impl Limit {
    fn exceeded(&self, counts: &Counts<Spread>) -> Option<String> {
        let Self { part, measure, budget, exact } = *self;
        let figure = measure.of(part.of(counts)).median;
        let holds = if exact { figure == budget } else { figure <= budget };
        let relation = if exact { "exactly" } else { "at most" };
        (!holds).then(|| format!("{figure} {measure} {part}, budget {relation} {budget}"))
    }
}

impl Part {
    fn of(self, counts: &Counts<Spread>) -> &Measures<Spread> {
        match self {
            Self::Total => &counts.total,
            Self::EntryText => &counts.entry_text,
        }
    }
}

impl Measure {
    fn of(self, measures: &Measures<Spread>) -> Spread {
        match self {
            Self::Instructions => measures.instructions,
            Self::DaifWrites => measures.daif_writes,
            Self::Barriers => measures.barriers,
            Self::Loads => measures.loads,
            Self::Stores => measures.stores,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Total => "at EL1",
            Self::EntryText => "in entry text",
        })
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instructions => "instructions",
            Self::DaifWrites => "DAIF writes",
            Self::Barriers => "barriers",
            Self::Loads => "loads",
            Self::Stores => "stores",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vestibule_counter::report::{Cause, Class, Events, Kind, Origin, Row};

    const BUDGETS: &str = r#"
        [[path]]
        name = "getppid"
        phase = 0
        class = "el0_64 sync svc64 #173"
        events = 10
        at_most.total.instructions = 160
        exactly.entry_text.daif_writes = 2
    "#;

    /// A report of one path, with these medians.
    fn report(count: u64, instructions: u64, daif_writes: u64) -> Report {
        let median = |median| Spread { median, ..Spread::default() };
        let total = Measures { instructions: median(instructions), ..Measures::default() };
        let entry_text = Measures { daif_writes: median(daif_writes), ..Measures::default() };
        let class = Class { from: Origin::El0_64, kind: Kind::Sync, cause: Some(Cause::Svc64), system_call: Some(173) };
        let events = Events { count, ..Events::default() };
        let row = Row { phase: Some(0), class, events, clean: Some(Counts { total, entry_text }) };
        Report { phases: vec![row], whole_run: vec![], unmatched_returns: 0, rounds: vec![] }
    }

    fn exceeded(report: &Report) -> Vec<String> {
        Budgets::parse(BUDGETS).unwrap().exceeded(report)
    }

    #[test]
    fn says_nothing_while_all_hold() {
        assert_eq!(exceeded(&report(10, 160, 2)), [""; 0]);
        assert_eq!(Budgets::parse(BUDGETS).unwrap().limits(), 2);
    }

    #[test]
    fn names_path_figure_and_budget() {
        assert_eq!(exceeded(&report(10, 161, 2)), ["getppid: 161 instructions at EL1, budget at most 160"]);
        assert_eq!(exceeded(&report(10, 1, 3)), ["getppid: 3 DAIF writes in entry text, budget exactly 2"]);
        assert_eq!(exceeded(&report(10, 1, 1)), ["getppid: 1 DAIF writes in entry text, budget exactly 2"]);
    }

    #[test]
    fn a_path_that_was_not_taken_often_enough_is_exceeded() {
        assert!(exceeded(&report(9, 1, 2))[0].contains("9 clean events"));
        let elsewhere = Report { phases: vec![], ..report(10, 1, 2) };
        assert!(exceeded(&elsewhere)[0].contains("no event of the class"));
    }

    #[test]
    fn a_rounds_limit_is_on_all_that_the_kernel_ran() {
        let budgets =
            "path = []\n[[round]]\nname = \"yields\"\nphase = 7\nrounds = 5\nat_most.total.instructions = 100";
        let budgets = Budgets::parse(budgets).unwrap();
        let with = |count, median| {
            let clean = report(1, median, 2).phases[0].clean;
            let round = vestibule_counter::report::Round { phase: 7, count, disturbed: 0, clean };
            Report { rounds: vec![round], ..report(1, 1, 2) }
        };
        assert_eq!(budgets.limits(), 1);
        assert_eq!(budgets.exceeded(&with(5, 100)), [""; 0]);
        assert_eq!(budgets.exceeded(&with(5, 101)), ["yields: 101 instructions at EL1, budget at most 100"]);
        assert_eq!(budgets.exceeded(&with(4, 1)), ["yields: phase 7 had 4 clean rounds, not 5"]);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        assert!(Budgets::parse(&BUDGETS.replace("daif_writes", "masks")).is_err());
        assert!(Budgets::parse(&BUDGETS.replace("at_most", "at_least")).is_err());
    }

    #[test]
    fn understands_the_repositorys() {
        let budgets = Budgets::read().unwrap();
        assert!(budgets.paths.iter().all(|path| path.limits().count() > 0));
    }
}
