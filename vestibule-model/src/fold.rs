//! What of an execution a person wants to see: every mask, count, change of tracking, hook and event; not every register
//! that is read on the way.

use crate::op::{Bank, Cell, Op, Stack};
use crate::record::{Second, Step};

/// A line of a timeline: one step, or several that belong together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The number of its last step, from 1.
    pub step: usize,
    /// What came just before.
    pub event: Option<String>,
    /// Which task ran.
    pub task: &'static str,
    /// In how many exceptions.
    pub depth: usize,
    /// Where.
    pub stack: &'static str,
    /// PSTATE.D, A, I, F.
    pub daif: u8,
    /// The backend's other mask.
    pub second: Second,
    /// Somebody watches.
    pub watching: bool,
    /// What tracing believes of interrupts.
    pub belief: &'static str,
    /// The task's counts that are not 0.
    pub counts: String,
    /// Its flags.
    pub flags: String,
    /// What was done.
    pub what: String,
    /// The lines that mean most.
    pub place: String,
    /// Every line that led there.
    pub path: Vec<String>,
}

impl Row {
    /// This step alone.
    pub fn of(number: usize, step: &Step) -> Row {
        Row {
            step: number + 1,
            event: step.came().map(Into::into),
            task: step.task,
            depth: step.depth,
            stack: match step.stack {
                _ if step.user => "user",
                Stack::Task => "task",
                Stack::Irq => "irq",
                Stack::Overflow => "ovfl",
            },
            daif: step.daif,
            second: step.second,
            watching: step.watching,
            belief: ["off", "prep", "on"].get(step.belief as usize).unwrap_or(&"?"),
            counts: counts(step.word),
            flags: flags(step.word),
            what: match step.op {
                Op::Add(Cell::Watching, _) if step.watching => "watched from here on".into(),
                Op::Add(Cell::Watching, _) => "not watched from here on".into(),
                Op::Load(cell @ Cell::Word(_)) => Op::Load(cell).to_string().replace("load", "looks at"),
                op => op.to_string(),
            },
            place: step.place(),
            path: step.path.clone(),
        }
    }
}

fn counts(word: u64) -> String {
    let fields = [("p", 0, 0xff), ("s", 8, 0xff), ("h", 16, 0xf), ("n", 20, 0xf)];
    let counted = fields.iter().map(|(name, shift, mask)| (name, word >> shift & mask));
    let named: Vec<_> =
        counted.filter(|(_, count)| *count != 0).map(|(name, count)| format!("{name}{count}")).collect();
    named.join(" ")
}

fn flags(word: u64) -> String {
    let fields = [("R", 32, 1), ("L", 33, 1), ("S", 34, 1), ("N", 35, 1), ("O", 36, 0xfff)];
    fields.iter().filter(|(_, shift, mask)| word >> shift & mask != 0).map(|(name, ..)| *name).collect()
}

/// The lines for these steps, no more than `limit` if that can be. Exceptions that contain the step `shown` stay as they are.
pub fn rows(steps: &[Step], shown: usize, limit: usize) -> Vec<Row> {
    let rows = fold(steps, shown, leaves_no_trace);
    if rows.len() <= limit {
        return rows;
    }
    let mut rows = without_others(fold(steps, shown, |_, _| true));
    let too_many = rows.len().saturating_sub(limit);
    if too_many > 0 {
        let Row { step, .. } = rows[too_many];
        rows.drain(..=too_many);
        let first = Row { what: "… not shown".into(), event: None, ..Row::of(step - 1, &steps[step - 1]) };
        rows.insert(0, first);
    }
    rows
}

/// Of what other tasks do until this one runs again, one line stays.
pub fn without_others(rows: Vec<Row>) -> Vec<Row> {
    let Some(last) = rows.last().map(|row| row.task) else { return rows };
    let mut kept: Vec<Row> = Vec::new();
    let back = rows.iter().rposition(|row| row.task != last).unwrap_or(0);
    for (number, row) in rows.into_iter().enumerate() {
        match kept.last_mut() {
            Some(before) if before.task != last && row.task == before.task && number <= back => {
                let what = std::mem::take(&mut before.what);
                *before = Row { what: format!("{} …", what.trim_end_matches(" …")), ..row };
            }
            _ => kept.push(row),
        }
    }
    kept
}

/// Every step has its line.
pub fn all(steps: &[Step]) -> Vec<Row> {
    steps.iter().enumerate().map(|(number, step)| Row::of(number, step)).collect()
}

fn fold(steps: &[Step], shown: usize, uninteresting: fn(&[Step], (usize, usize)) -> bool) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut at = 0;
    while at < steps.len() {
        let whole = exception(steps, at).filter(|end| !(at..=*end).contains(&shown));
        let run = register_run(&steps[at..]);
        if let Some(end) = whole.filter(|end| uninteresting(steps, (at, *end))) {
            let what = format!("{}, returns", steps[at].op);
            let Row { event, place, path, .. } = Row::of(at, &steps[at]);
            rows.push(Row { what, event, place, path, ..Row::of(end, &steps[end]) });
            at = end + 1;
        } else if run > 0 && at + run < steps.len() {
            let last = at + run - 1;
            let what = moved(&steps[at..=last]);
            let first = steps[at..=last].iter().find(|step| matches!(step.op, Op::ReadBank(_) | Op::WriteBank(_)));
            rows.extend(what.zip(first).map(|(what, first)| {
                let (place, path) = (first.place(), first.path.clone());
                Row { what, place, path, ..Row::of(last, &steps[last]) }
            }));
            at += run;
        } else {
            let last = at + 1 == steps.len();
            if last || !is_noise(&steps[at]) {
                rows.push(Row::of(at, &steps[at]));
            }
            at += 1;
        }
    }
    rows
}

/// Where the exception that is taken here returns.
fn exception(steps: &[Step], at: usize) -> Option<usize> {
    let taken = &steps[at];
    let returns = |step: &Step| step.op == Op::Return && step.task == taken.task && step.depth + 1 == taken.depth;
    let end = matches!(taken.op, Op::Take(_)).then(|| steps[at..].iter().position(returns))?? + at;
    // The last line is what all of it is for.
    (end + 1 < steps.len()).then_some(end)
}

/// Nothing is as it would not be without it, and no task was switched.
fn leaves_no_trace(steps: &[Step], (from, to): (usize, usize)) -> bool {
    let state =
        |step: &Step| (step.daif, step.second, step.watching, step.belief, step.word, step.task, step.stack, step.user);
    let before = from.checked_sub(1).map(|before| state(&steps[before]));
    before == Some(state(&steps[to])) && steps[from..=to].iter().all(|step| !matches!(step.op, Op::Switched(_)))
}

/// How many steps from here on only move what a register or the frame holds.
fn register_run(steps: &[Step]) -> usize {
    let puts_back = |step: &Step| matches!(step.op, Op::WriteBank(_));
    let saves = |step: &Step| matches!(step.op, Op::ReadBank(_));
    let plain = steps.iter().take_while(|step| step.came().is_none() && is_register(step.op));
    let run: Vec<_> = plain.collect();
    let saved = run.iter().position(|step| saves(step));
    let put_back = run.iter().position(|step| puts_back(step));
    match (saved, put_back) {
        (Some(saved), Some(put_back)) => saved.max(put_back),
        _ => run.len(),
    }
}

const fn is_register(op: Op) -> bool {
    match op {
        Op::ReadPmr | Op::ReadAllInt | Op::ReadRpr => true,
        Op::ReadDaif | Op::ReadBank(_) | Op::WriteBank(_) | Op::ReadField(_) | Op::WriteField(_) | Op::ReadSp => true,
        Op::Load(cell) => !matches!(cell, Cell::Word(_)),
        _ => false,
    }
}

/// What a run of register moves comes to, if it is worth a line.
fn moved(steps: &[Step]) -> Option<String> {
    let banks = |of: fn(Op) -> Option<Bank>| {
        let names: Vec<_> = steps.iter().filter_map(|step| of(step.op)).map(name).collect();
        names.join(", ")
    };
    let saved = banks(|op| if let Op::ReadBank(bank) = op { Some(bank) } else { None });
    let put_back = banks(|op| if let Op::WriteBank(bank) = op { Some(bank) } else { None });
    match (saved.is_empty(), put_back.is_empty()) {
        (false, _) => Some(format!("saves {saved}")),
        (_, false) => Some(format!("puts back {put_back}")),
        _ => None,
    }
}

const fn name(bank: Bank) -> &'static str {
    match bank {
        Bank::Elr => "ELR",
        Bank::Spsr => "SPSR",
        Bank::Esr => "ESR",
        Bank::Far => "FAR",
        Bank::SpEl0 => "SP_EL0",
    }
}

/// Reads of the task's word are worth a line only where they are the exit's look.
fn is_noise(step: &Step) -> bool {
    let look = || step.path.iter().any(|line| line.contains("/prepare.rs:") || line.contains("/corpus"));
    match step.op {
        _ if step.came().is_some() => false,
        Op::Load(Cell::Word(_)) => !look(),
        op => is_register(op) || op == Op::Kernel("(done)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::DAIF;
    use crate::event::Exception;
    use crate::oracle::Answered;
    use crate::record::tests::step;

    /// An interrupt that does nothing but count: begun by an event, in code at depth `depth`.
    fn interrupt(depth: usize, count: u64) -> Vec<Step> {
        let inside = |op, word| Step { daif: DAIF, depth: depth + 1, word, ..step(op) };
        vec![
            Step { event: Some("irq".into()), ..inside(Op::Take(Exception::Irq), 0) },
            inside(Op::ReadBank(Bank::Elr), 0),
            inside(Op::WriteField(32), 0),
            inside(Op::Add(Cell::Word(0), 1 << 16), 1 << 16),
            inside(Op::Add(Cell::Word(0), (1_u64 << 16).wrapping_neg()), count),
            inside(Op::WriteBank(Bank::Elr), count),
            Step { depth, word: count, ..step(Op::Return) },
        ]
    }

    fn whats(rows: &[Row]) -> Vec<&str> {
        rows.iter().map(|row| row.what.as_str()).collect()
    }

    fn between(middle: Vec<Step>) -> Vec<Step> {
        [vec![step(Op::Kernel("before"))], middle, vec![step(Op::Kernel("after"))]].concat()
    }

    #[test]
    fn an_exception_without_a_trace_is_one_line_with_its_event() {
        let rows = rows(&between(interrupt(0, 0)), usize::MAX, 99);
        assert_eq!(whats(&rows), ["before", "takes IRQ, returns", "after"]);
        assert_eq!((rows[1].event.as_deref(), rows[1].depth, rows[1].daif, rows[1].step), (Some("irq"), 0, 0, 8));
    }

    #[test]
    fn one_that_leaves_something_is_shown_and_so_is_one_that_is_asked_for() {
        let whole = [
            "before",
            "takes IRQ",
            "saves ELR",
            "A.word +hardirq",
            "A.word -hardirq",
            "puts back ELR",
            "ERET",
            "after",
        ];
        assert_eq!(whats(&rows(&between(interrupt(0, 1)), usize::MAX, 99)), whole);
        assert_eq!(whats(&rows(&between(interrupt(0, 0)), 4, 99)), whole);
    }

    #[test]
    fn one_that_the_execution_ends_in_is_shown() {
        let mut steps = between(interrupt(0, 0));
        steps.truncate(6);
        assert_eq!(whats(&rows(&steps, usize::MAX, 99)).last(), Some(&"A.word -hardirq"));
    }

    #[test]
    fn nothing_that_was_decided_is_left_out() {
        let decisions = vec![Answered { chosen: 1, of: 2 }];
        let rows = rows(&between(vec![Step { decisions, ..step(Op::ReadDaif) }]), usize::MAX, 99);
        assert_eq!(rows[1].event.as_deref(), Some("kernel"));
    }

    #[test]
    fn the_last_step_is_shown_whatever_it_is() {
        let steps = [step(Op::Kernel("before")), step(Op::ReadSp), step(Op::ReadDaif)];
        assert_eq!(whats(&rows(&steps, usize::MAX, 99)), ["before", "read DAIF"]);
    }

    #[test]
    fn too_many_lines_lose_their_beginning() {
        let steps: Vec<_> = (0..200).map(|_| step(Op::Wait)).collect();
        let rows = rows(&steps, usize::MAX, 40);
        assert_eq!((rows.len(), rows[0].what.as_str(), rows[39].step), (40, "… not shown", 200));
    }

    #[test]
    fn other_tasks_are_a_line_each_until_this_one_runs_again() {
        let other = |op| Step { task: "B", ..step(op) };
        let away = vec![other(Op::Switched(1)), other(Op::Kernel("one")), other(Op::Kernel("two"))];
        let rows = without_others(all(&between(away)));
        assert_eq!(whats(&rows), ["before", "B runs …", "after"]);
        assert_eq!(rows[1].step, 4);
    }
}
