//! An execution as text: a line a step, each mask a column, the broken constraint under the last line.

use std::fmt;

use crate::constraints::rule;
use crate::cpu::{A, D, F, I};
use crate::explore::replay;
use crate::fold::{Row, all, rows};
use crate::verdict::{End, Violation};

use crate::design::Design;
use crate::oracle::Choice;
use crate::record::Step;
use crate::world::Limits;

/// An execution to be read.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Whose.
    pub title: String,
    /// What there is to say about the design.
    pub about: Option<String>,
    /// How it ended.
    pub end: Option<End>,
    /// What a person wants to see of it.
    pub rows: Vec<Row>,
    /// Everything.
    pub all: Vec<Row>,
}

/// How many lines the execution itself may take.
const LIMIT: usize = 48;

impl Timeline {
    /// Runs these decisions again.
    pub fn of(title: String, design: Design, limits: Limits, decisions: &[Choice]) -> Timeline {
        let (end, steps) = replay(design, limits, decisions);
        Timeline::from_steps(title, end, &steps)
    }

    /// These steps.
    pub fn from_steps(title: String, end: Option<End>, steps: &[Step]) -> Timeline {
        Timeline { title, about: None, end, rows: rows(steps, usize::MAX, LIMIT), all: all(steps) }
    }

    /// The constraint that did not hold.
    pub fn violation(&self) -> Option<Violation> {
        match self.end {
            Some(End::Broken(violation)) => Some(violation),
            _ => None,
        }
    }
}

const LEGEND: &str = "\
D A I F: a bar while masked. RCU: a bar while somebody watches. irqs: what tracing believes. count: preemption, softirqs, hardirqs, NMIs.
flags: Reschedule, reschedule Lazily, Signal, Notify-resume, Other work. ▶ comes, as [named]; [kernel]: its own code's choice.";

/// What columns and flags mean.
pub const fn legend() -> &'static str {
    LEGEND
}

/// Above the lines.
pub(crate) fn header(what: usize) -> String {
    format!("       task stack DAIF RCU irqs count    flags  {:what$}  where", "what")
}

/// One line; `what` is how wide that column is.
pub(crate) fn line(row: &Row, what: usize) -> String {
    let bar = |bit: u8| if row.daif & bit != 0 { '┃' } else { '·' };
    let masks: String = [D, A, I, F].map(bar).iter().collect();
    let event = if row.event.is_some() { '▶' } else { ' ' };
    let watching = if row.watching { '┃' } else { '·' };
    let (step, task, stack, belief) = (row.step, row.task, row.stack, row.belief);
    let line = format!(
        "{step:>4} {event} {task:<4} {stack:<5} {masks} {watching:>2}  {belief:<4} {:<8} {:<5}  {:what$}  {}",
        row.counts,
        row.flags,
        indented(row),
        row.place,
    );
    line.trim_end().into()
}

fn indented(row: &Row) -> String {
    let event = row.event.as_ref().map(|event| format!("  [{event}]")).unwrap_or_default();
    format!("{}{}{event}", "  ".repeat(row.depth), row.what)
}

/// How wide the widest of these lines is.
pub(crate) fn width<'a>(rows: impl IntoIterator<Item = &'a Row>) -> usize {
    rows.into_iter().map(|row| indented(row).chars().count()).max().unwrap_or(0)
}

/// The constraint, what was found, and what the page says.
pub(crate) fn broken(violation: Violation) -> String {
    let rule = rule(violation.constraint).unwrap_or("(no such constraint)");
    format!("  ✗ C{}: {}\n    \"{rule}\"", violation.constraint, violation.what)
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = width(&self.rows);
        writeln!(f, "{}", self.title)?;
        if let Some(about) = &self.about {
            writeln!(f, "{about}")?;
        }
        writeln!(f, "{}", header(what))?;
        for row in &self.rows {
            writeln!(f, "{}", line(row, what))?;
        }
        match self.end {
            Some(End::Broken(violation)) => writeln!(f, "{}", broken(violation)),
            Some(End::Died) => writeln!(f, "  the kernel stops itself, and may"),
            _ => writeln!(f, "  no constraint is broken"),
        }
    }
}
