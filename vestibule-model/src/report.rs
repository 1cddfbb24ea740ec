//! What searches came to, as data: one file a run, or one a shard, which `merge` puts together again.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::explore::{Counterexample, Outcome, Search};
use crate::verdict::Fired;

/// The format of the files.
pub const FORMAT: u32 = 3;

/// Everything that was explored in one go.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: u32,
    /// If this is a part of a search: which, and of how many.
    pub shard: Option<Shard>,
    /// Each search.
    pub runs: Vec<Run>,
}

/// One part of a search that was divided.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Shard {
    /// Which, from 1.
    pub part: u32,
    /// Of so many.
    pub of: u32,
}

/// What was searched.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Searched {
    /// The design: "shipped", or a variant.
    pub variant: String,
    /// The backend.
    pub backend: String,
    /// The family.
    pub family: String,
    /// How many events an execution could have; none: any number.
    pub bound: Option<u32>,
    /// States that were seen were left alone.
    pub hashing: bool,
    /// Events came after every step, also where it makes no difference.
    pub every_step: bool,
    /// Of the bounds, the one that there was not.
    pub lifted: Option<String>,
    /// Events that never came.
    pub without: Vec<String>,
}

/// One search.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Run {
    /// Of what.
    #[serde(flatten)]
    pub searched: Searched,
    /// States from which more than one thing could happen. Of shards: each counts its own.
    pub states: u64,
    /// Executions.
    pub executions: u64,
    /// Steps, each checked.
    pub steps: u64,
    /// The deepest nesting of exceptions.
    pub deepest: usize,
    /// Executions in which the kernel stopped itself.
    pub deaths: u64,
    /// The most events that led to a new state.
    pub events: usize,
    /// Nothing is left to try.
    pub closed: bool,
    /// How long it took; of shards, the longest.
    pub seconds: f64,
    /// The same, times cores; of shards, of all.
    pub core_seconds: f64,
    /// The shortest counterexample.
    pub broken: Option<Broken>,
    /// How often each constraint was asked about, and how often it did not hold.
    pub checks: BTreeMap<u16, Asked>,
}

/// A counterexample.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Broken {
    /// How many events it has.
    pub events: usize,
    /// How many steps.
    pub steps: u64,
    /// The constraint that did not hold.
    pub constraint: u16,
    /// What was found.
    pub found: String,
    /// Runs it again.
    pub token: String,
}

/// How often a constraint was asked about.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// By the model's own checks. The library's say only when they fail.
    pub asked: u64,
    /// How often it did not hold.
    pub failed: u64,
}

impl Broken {
    /// This counterexample.
    pub fn of(example: &Counterexample, token: &str) -> Broken {
        Broken {
            events: example.events,
            steps: example.steps,
            constraint: example.violation.constraint,
            found: example.violation.what.into(),
            token: token.into(),
        }
    }
}

impl Run {
    /// What this search came to; `broken` is its counterexample.
    pub fn of(searched: Searched, search: &Search, outcome: &Outcome, broken: Option<Broken>) -> Run {
        let seconds = outcome.time.as_secs_f64();
        Run {
            searched,
            states: outcome.states as u64,
            executions: outcome.executions,
            steps: outcome.steps,
            deepest: outcome.deepest,
            deaths: outcome.deaths,
            events: outcome.events,
            closed: outcome.closed,
            seconds,
            core_seconds: seconds * search.threads as f64,
            broken,
            checks: checks(&outcome.fired),
        }
    }

    fn add(&mut self, other: &Run) {
        self.states += other.states;
        self.executions += other.executions;
        self.steps += other.steps;
        self.deepest = self.deepest.max(other.deepest);
        self.deaths += other.deaths;
        self.events = self.events.max(other.events);
        self.closed &= other.closed;
        self.seconds = self.seconds.max(other.seconds);
        self.core_seconds += other.core_seconds;
        let shortest = [self.broken.take(), other.broken.clone()].into_iter().flatten();
        self.broken =
            shortest.min_by(|one, two| (one.events, one.steps, &one.token).cmp(&(two.events, two.steps, &two.token)));
        add(&mut self.checks, &other.checks);
    }
}

fn checks(fired: &Fired) -> BTreeMap<u16, Asked> {
    let counts = fired.asked.iter().zip(&fired.failed).map(|(asked, failed)| Asked { asked: *asked, failed: *failed });
    (0..).zip(counts).filter(|(_, count)| *count != Asked::default()).collect()
}

/// Adds counts to counts.
pub fn add(to: &mut BTreeMap<u16, Asked>, from: &BTreeMap<u16, Asked>) {
    for (constraint, count) in from {
        let sum = to.entry(*constraint).or_default();
        sum.asked += count.asked;
        sum.failed += count.failed;
    }
}

impl Report {
    /// Of a file's text.
    pub fn from_json(text: &str) -> Result<Report> {
        let report: Report = serde_json::from_str(text).context("this is no report")?;
        let format = report.format;
        ensure!(format == FORMAT, "the report has format {format}, and this program reads format {FORMAT}");
        Ok(report)
    }

    /// As a file's text.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report has nothing that JSON has not") + "\n"
    }

    /// Puts shards together: every one must be there, once, and all must have searched the same.
    pub fn merge(mut parts: Vec<Report>) -> Result<Report> {
        parts.sort_by_key(|part| part.shard);
        let shards: Vec<_> =
            parts.iter().map(|part| part.shard.context("a report is no shard's")).collect::<Result<_>>()?;
        let of = shards.first().context("there are no reports")?.of;
        if let Some(other) = shards.iter().find(|shard| shard.of != of) {
            bail!("a report is of {of} shards and another of {}", other.of);
        }
        let times = |part| shards.iter().filter(|shard| shard.part == part).count();
        let missing: Vec<_> = (1..=of).filter(|part| times(*part) == 0).map(|part| format!("{part}/{of}")).collect();
        ensure!(missing.is_empty(), "shards are missing: {}", missing.join(", "));
        if let Some(twice) = (1..=of).find(|part| times(*part) > 1) {
            bail!("shard {twice}/{of} is there {} times", times(twice));
        }
        let mut parts = parts.into_iter();
        let mut whole = parts.next().expect("there is one at least");
        for part in parts {
            whole.absorb(&part)?;
        }
        whole.shard = None;
        Ok(whole)
    }

    fn absorb(&mut self, part: &Report) -> Result<()> {
        let searched = |report: &Report| report.runs.iter().map(|run| run.searched.clone()).collect::<Vec<_>>();
        let shard = part.shard.expect("looked at before");
        let same = searched(self) == searched(part);
        ensure!(same, "shard {}/{} has searched something else than the ones before it", shard.part, shard.of);
        for (run, other) in self.runs.iter_mut().zip(&part.runs) {
            run.add(other);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(part: u32, of: u32, broken: Option<Broken>) -> Report {
        let (variant, backend, family) = ("shipped".into(), "pmr".into(), "kernel".into());
        let searched = Searched {
            variant,
            backend,
            family,
            bound: None,
            hashing: true,
            every_step: false,
            lifted: None,
            without: Vec::new(),
        };
        let checks =
            BTreeMap::from([(part as u16, Asked { asked: 5, failed: 0 }), (28, Asked { asked: 1, failed: 1 })]);
        let run = Run {
            searched,
            states: 10,
            executions: 100,
            steps: 1000,
            deepest: part as usize,
            deaths: 1,
            events: 2,
            closed: true,
            seconds: f64::from(part),
            core_seconds: f64::from(part) * 2.0,
            broken,
            checks,
        };
        Report { format: FORMAT, shard: Some(Shard { part, of }), runs: vec![run] }
    }

    fn broken(events: usize) -> Option<Broken> {
        Some(Broken { events, steps: 9, constraint: 28, found: "x".into(), token: "T".into() })
    }

    fn error(parts: Vec<Report>) -> String {
        Report::merge(parts).expect_err("it cannot be merged").to_string()
    }

    #[test]
    fn shards_add_up_in_any_order() {
        let whole = Report::merge(vec![part(3, 3, broken(2)), part(1, 3, None), part(2, 3, broken(1))]).unwrap();
        let run = &whole.runs[0];
        assert_eq!((whole.shard, run.states, run.executions, run.steps, run.deaths), (None, 30, 300, 3000, 3));
        assert_eq!((run.deepest, run.seconds, run.core_seconds, run.closed), (3, 3.0, 12.0, true));
        assert_eq!(run.broken, broken(1));
        assert_eq!(run.checks[&28], Asked { asked: 3, failed: 3 });
        assert_eq!(run.checks[&2], Asked { asked: 5, failed: 0 });
    }

    #[test]
    fn a_whole_that_is_not_whole_is_refused() {
        assert_eq!(error(vec![part(1, 3, None)]), "shards are missing: 2/3, 3/3");
        assert_eq!(error(vec![part(1, 2, None), part(2, 2, None), part(2, 2, None)]), "shard 2/2 is there 2 times");
        assert_eq!(error(vec![part(1, 2, None), part(2, 3, None)]), "a report is of 2 shards and another of 3");
        assert_eq!(error(Vec::new()), "there are no reports");
        assert_eq!(error(vec![Report { shard: None, ..part(1, 1, None) }]), "a report is no shard's");
        let mut other = part(2, 2, None);
        other.runs[0].searched.bound = Some(1);
        let said = error(vec![part(1, 2, None), other]);
        assert_eq!(said, "shard 2/2 has searched something else than the ones before it");
    }

    #[test]
    fn one_open_shard_leaves_the_whole_open() {
        let mut open = part(2, 2, None);
        open.runs[0].closed = false;
        assert!(!Report::merge(vec![part(1, 2, None), open]).unwrap().runs[0].closed);
    }

    #[test]
    fn a_file_comes_back_as_it_was() {
        let report = part(1, 2, broken(1));
        assert_eq!(Report::from_json(&report.to_json()).unwrap(), report);
        let later = report.to_json().replace("\"format\": 3", "\"format\": 4");
        let said = Report::from_json(&later).expect_err("another format").to_string();
        assert_eq!(said, "the report has format 4, and this program reads format 3");
    }
}
