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
D A I F: a bar while masked. PMR, ALL: a bar while a priority masks interrupts, or ALLINT all. RCU: a bar while somebody watches. irqs: what tracing believes. count: preemption, softirqs, hardirqs, NMIs.
flags: Reschedule, reschedule Lazily, Signal, Notify-resume, Other work. ▶ comes, as [named]; [kernel]: its own code's choice.";

/// What columns and flags mean.
pub const fn legend() -> &'static str {
    LEGEND
}

/// Above the lines.
pub(crate) fn header(what: usize, rows: &[Row]) -> String {
    let second = rows.first().and_then(|row| row.second.column()).map(|(name, _)| format!(" {name}"));
    format!("       task stack DAIF{} RCU irqs count    flags  {:what$}  where", second.unwrap_or_default(), "what")
}

/// One line; `what` is how wide that column is.
pub(crate) fn line(row: &Row, what: usize) -> String {
    let bar = |bit: u8| if row.daif & bit != 0 { '┃' } else { '·' };
    let mut masks: String = [D, A, I, F].map(bar).iter().collect();
    if let Some((_, closed)) = row.second.column() {
        masks += if closed { "  ┃ " } else { "  · " };
    }
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
        writeln!(f, "{}", header(what, &self.rows))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    use crate::cpu::DAIF;
    use crate::event::Exception;
    use crate::op::{Cell, Op, Stack};
    use crate::record::Second;
    use crate::record::tests::step;

    #[test]
    fn reads_at_once() {
        let resched = 1 << 32;
        let masked = |op| Step { daif: DAIF, depth: 1, word: resched, ..step(op) };
        let steps = [
            step(Op::Kernel("kernel code")),
            Step { event: Some("irq".into()), word: 0, ..masked(Op::Take(Exception::Irq)) },
            Step { event: Some("remote-resched".into()), ..masked(Op::Set(Cell::Word(0), resched)) },
            Step { belief: 0, ..masked(Op::Store(Cell::Belief, 0)) },
            Step { belief: 0, watching: false, stack: Stack::Irq, word: resched | 1 << 16, ..masked(Op::Wait) },
            Step { belief: 0, daif: I | F, ..masked(Op::DaifClear(D | A)) },
            Step { belief: 0, ..masked(Op::Kernel("schedule: asked")) },
        ];
        let violation = Violation { constraint: 29, what: "the scheduler is entered with everything masked" };
        let mut timeline = Timeline::from_steps("planted".into(), Some(End::Broken(violation)), &steps);
        timeline.about = Some("a bug (somewhere)".into());
        expect![[r#"
            planted
            a bug (somewhere)
                   task stack DAIF RCU irqs count    flags  what                                     where
               1   A    task  ····  ┃  on                   kernel code                              family.rs:7
               2 ▶ A    task  ┃┃┃┃  ┃  on                     takes IRQ  [irq]                       family.rs:7
               3 ▶ A    task  ┃┃┃┃  ┃  on            R        A.word sets resched  [remote-resched]  family.rs:7
               4   A    task  ┃┃┃┃  ┃  off           R        belief := off                          family.rs:7
               5   A    irq   ┃┃┃┃  ·  off  h1       R        WFI                                    family.rs:7
               6   A    task  ··┃┃  ┃  off           R        DAIFClr DA                             family.rs:7
               7   A    task  ┃┃┃┃  ┃  off           R        schedule: asked                        family.rs:7
              ✗ C29: the scheduler is entered with everything masked
                "It never happens with D or A masked, nor with a priority mask that means something else: the bug of Linux 6.18"
        "#]].assert_eq(&timeline.to_string());
    }

    #[test]
    fn the_second_mask_has_a_column_where_there_is_one() {
        let steps = [true, false].map(|masks| Step { second: Second::Pmr(masks), ..step(Op::SetPmr(0xc0)) });
        let text = Timeline::from_steps("".into(), None, &steps).to_string();
        let lines: Vec<_> =
            text.lines().skip(1).take(3).map(|line| line.chars().take(31).collect::<String>()).collect();
        assert_eq!(
            lines,
            ["       task stack DAIF PMR RCU ", "   1   A    task  ····  ┃   ┃  ", "   2   A    task  ····  ·   ┃  ",]
        );
    }

    #[test]
    fn says_when_nothing_is_broken() {
        let timeline = Timeline::from_steps("fine".into(), Some(End::Done), &[step(Op::Wait)]);
        assert!(timeline.to_string().ends_with("  no constraint is broken\n") && timeline.violation().is_none());
    }
}
