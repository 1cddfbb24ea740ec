//! What searches came to, as tables.

use std::collections::BTreeMap;

use crate::constraints;
use crate::report::{Asked, Report, Run, add};

/// What stands above the searches.
pub fn heading() -> String {
    format!(
        "{:<7} {:<11} {:>9} {:>11} {:>8} {:>12} {:>7} {:>7} {:>9}  verdict",
        "backend", "family", "states", "executions", "steps", "steps/s/core", "deepest", "events", "time"
    )
}

/// One search.
pub fn row(run: &Run) -> String {
    format!(
        "{:<7} {:<11} {:>9} {:>11} {:>8} {:>12} {:>7} {:>7} {:>8.2}s  {}",
        run.searched.backend,
        run.searched.family,
        short(run.states as f64),
        short(run.executions as f64),
        short(run.steps as f64),
        short(run.steps as f64 / run.core_seconds.max(1e-9)),
        run.deepest,
        run.events,
        run.seconds,
        verdict(run)
    )
}

/// What it came to, in words.
pub fn verdict(run: &Run) -> String {
    let deaths = match run.deaths {
        0 => String::new(),
        deaths => format!(", stops itself {} times", short(deaths as f64)),
    };
    match (&run.broken, run.searched.bound) {
        (Some(broken), _) => format!("BROKEN C{}: {}", broken.constraint, broken.found),
        (None, _) if run.closed => format!("closed, holds{deaths}"),
        (None, Some(bound)) => format!("holds to {bound} events{deaths}"),
        (None, None) => format!("holds, not closed{deaths}"),
    }
}

/// The whole table, with its sum.
pub fn table(report: &Report) -> String {
    let rows: Vec<_> = std::iter::once(heading()).chain(report.runs.iter().map(row)).collect();
    format!("{}\n{}\n", rows.join("\n"), sum(report))
}

/// Everything together.
pub fn sum(report: &Report) -> String {
    let steps: u64 = report.runs.iter().map(|run| run.steps).sum();
    let seconds: f64 = report.runs.iter().map(|run| run.seconds).sum();
    let core_seconds: f64 = report.runs.iter().map(|run| run.core_seconds).sum();
    let broken = report.runs.iter().filter(|run| run.broken.is_some()).count();
    let open = report.runs.iter().filter(|run| run.broken.is_none() && !run.closed).count();
    format!(
        "{} families, {} steps in {seconds:.2} s, {} steps a second a core; {broken} broken, {open} not closed; {}",
        report.runs.len(),
        short(steps as f64),
        short(steps as f64 / core_seconds.max(1e-9)),
        asked(&all_checks(report)),
    )
}

/// The checks of all searches.
pub fn all_checks(report: &Report) -> BTreeMap<u16, Asked> {
    let mut checks = BTreeMap::new();
    report.runs.iter().for_each(|run| add(&mut checks, &run.checks));
    checks
}

fn asked(checks: &BTreeMap<u16, Asked>) -> String {
    let constraints = checks.values().filter(|count| count.asked > 0).count();
    let times: u64 = checks.values().map(|count| count.asked).sum();
    format!("{constraints} constraints asked {} times", short(times as f64))
}

/// Every constraint: how often it was asked about and how often it did not hold, and those about which nobody asked.
pub fn checks(counts: &BTreeMap<u16, Asked>) -> String {
    let mut lines = vec![format!("{:>5} {:>9} {:>9}  rule", "id", "asked", "failed")];
    for (constraint, rule) in constraints::all() {
        if let Some(count) = counts.get(&constraint) {
            let asked = if count.asked == 0 { "library".into() } else { short(count.asked as f64) };
            lines.push(format!("{:>5} {asked:>9} {:>9}  {rule}", format!("C{constraint}"), short(count.failed as f64)));
        }
    }
    let listed = |wanted: &dyn Fn(u16) -> bool| {
        let mut numbers: Vec<_> =
            constraints::all().map(|(number, _)| number).filter(|number| wanted(*number)).collect();
        numbers.sort_unstable();
        let named: Vec<_> = numbers.iter().map(|number| format!("C{number}")).collect();
        if named.is_empty() { "none".into() } else { named.join(" ") }
    };
    let of = |constraint: u16| counts.get(&constraint).copied().unwrap_or_default();
    lines.push(format!("asked, never failed: {}", listed(&|number| of(number).asked > 0 && of(number).failed == 0)));
    lines.push(format!("neither asked nor failed: {}", listed(&|number| of(number) == Asked::default())));
    lines.push("\"library\": a run-time check of the library, which is heard of only when it fails.".into());
    lines.join("\n") + "\n"
}

/// A number that a person can read.
fn short(number: f64) -> String {
    match number {
        0.0..1e4 => format!("{number:.0}"),
        1e4..1e6 => format!("{:.1} k", number / 1e3),
        1e6..1e9 => format!("{:.1} M", number / 1e6),
        _ => format!("{:.2} G", number / 1e9),
    }
}
