//! The shipped sequence beside a counterexample: what the shipped code does where the same things come.

use crate::design::Design;
use crate::explore::replay;
use crate::fold::{Row, all, rows, without_others};
use crate::op::Op;
use crate::oracle::Choice;
use crate::record::Step;
use crate::timeline::{broken, header, line, width};
use crate::verdict::End;
use crate::world::Limits;

/// The same execution of another design.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// How many steps both have in common.
    pub common: usize,
    /// What follows them.
    pub rows: Vec<Row>,
    /// Everything.
    pub all: Vec<Row>,
    /// How it ended.
    pub end: Option<End>,
    /// What came in the counterexample and could not come here.
    pub missing: Vec<String>,
}

/// How many lines it may take.
const LIMIT: usize = 22;

/// What `shipped` does with what broke `broken`.
pub fn compare(broken: Design, shipped: Design, limits: Limits, decisions: &[Choice]) -> Comparison {
    let (_, theirs) = replay(broken, limits, decisions);
    let (carried, missing) = carry_over(shipped, limits, decisions, &theirs);
    let (end, ours) = replay(shipped, limits, &carried);
    let common = common(&theirs, &ours);
    let after = ours.len().min(back_from(&ours, common) + 1);
    let mut shown = rows(&ours[..after], common, usize::MAX);
    shown.retain(|row| row.step > common);
    shown = without_others(shown);
    shown.truncate(LIMIT);
    Comparison { common, rows: shown, all: all(&ours), end, missing }
}

fn same(one: &Step, other: &Step) -> bool {
    let of = |step: &Step| {
        (step.op, step.depth, step.task, step.stack, step.daif, step.second, step.watching, step.belief, step.word)
    };
    of(one) == of(other)
}

fn common(theirs: &[Step], ours: &[Step]) -> usize {
    theirs.iter().zip(ours).take_while(|(one, other)| same(one, other)).count()
}

/// Where the outermost exception that step `from` is in has returned.
fn back_from(steps: &[Step], from: usize) -> usize {
    let returned = |step: &Step| step.op == Op::Return && step.depth == 0;
    steps.iter().skip(from).position(returned).map_or(steps.len(), |back| from + back)
}

/// The same decisions where the sequences agree; after that, each at the same step of the same exception.
fn carry_over(shipped: Design, limits: Limits, decisions: &[Choice], theirs: &[Step]) -> (Vec<Choice>, Vec<String>) {
    let mut carried: Vec<Choice> = Vec::new();
    let mut missing = Vec::new();
    for decision in decisions {
        let Some(at) = asked_at(theirs, decision.position) else { continue };
        let (_, ours) = replay(shipped, limits, &carried);
        let found = if common(theirs, &ours) >= at {
            Some(*decision)
        } else {
            let wanted = (at.checked_sub(1).map(|before| &theirs[before]), &theirs[at]);
            equivalent(shipped, limits, &carried, &ours, wanted)
        };
        match found {
            Some(choice) => carried.push(choice),
            None => missing.push(theirs[at].came().unwrap_or("kernel").into()),
        }
    }
    (carried, missing)
}

/// The step before which this question was answered.
fn asked_at(steps: &[Step], position: u32) -> Option<usize> {
    let mut answered = 0;
    steps.iter().position(|step| {
        answered += step.decisions.len() as u32;
        position < answered
    })
}

/// Another place, after the same step, where the same can come.
fn equivalent(
    shipped: Design,
    limits: Limits,
    carried: &[Choice],
    ours: &[Step],
    (after, wanted): (Option<&Step>, &Step),
) -> Option<Choice> {
    let place = |step: &Step| (step.op, step.depth, step.task);
    let first = carried.last().map_or(0, |choice| choice.position + 1);
    let mut position = 0;
    for (number, step) in ours.iter().enumerate() {
        let here = number.checked_sub(1).map(|before| place(&ours[before])) == after.map(place);
        for answered in &step.decisions {
            for chosen in (1..answered.of).filter(|_| here && position >= first) {
                let choice = Choice { position, chosen };
                let (_, tried) = replay(shipped, limits, &[carried, &[choice]].concat());
                let came = tried.get(number);
                if came.is_some_and(|came| came.came() == wanted.came() && came.op == wanted.op) {
                    return Some(choice);
                }
            }
            position += 1;
        }
    }
    None
}

impl Comparison {
    /// What is to be said before the lines.
    pub fn introduction(&self) -> String {
        let missing = match self.missing.as_slice() {
            [] => String::new(),
            missing => format!(" What cannot come there: {}.", missing.join(", ")),
        };
        format!("The shipped sequence, the same up to step {}.{missing}", self.common)
    }
}

impl std::fmt::Display for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = width(&self.rows);
        writeln!(f, "{}\n{}", self.introduction(), header(what, &self.rows))?;
        for row in &self.rows {
            writeln!(f, "{}", line(row, what))?;
        }
        match self.end {
            Some(End::Broken(violation)) => writeln!(f, "{}", broken(violation)),
            _ => Ok(()),
        }
    }
}
