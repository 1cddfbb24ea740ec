//! The table of what was counted, as `cargo xtask count` prints it.

use std::fmt::{self, Display};

use vestibule_counter::report::{Counts, Report, Round, Row, Spread};

const HEADER: [&str; 11] = [
    "phase",
    "class",
    "events",
    "disturbed",
    "dropped",
    "instructions",
    "entry text",
    "body",
    "DAIF writes",
    "barriers",
    "loads, stores",
];

const LEGEND: &str = "\
Each figure is per event, at EL1, from the vector's first instruction to the exception return: the median, or
least/median/greatest where they differ, over events with no other exception inside (events). Not in it: those with one
(disturbed), and those with a task switch or without a return (dropped). Entry text is the overhead of entry and exit;
the body is the rest, by the medians. DAIF writes: in entry text + in the body. A whole round is all that the kernel ran from
one of a program's marks to the next, for whichever task; disturbed are those in which an interrupt came.";

/// What was counted in phases; what happened outside them is nobody's measurement.
pub struct Table<'a>(pub &'a Report);

impl Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.0.phases.iter().filter_map(cells).chain(self.0.rounds.iter().map(round_cells));
        let rows: Vec<_> = rows.collect();
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].len());
            cells.chain([HEADER[column].len()]).max().unwrap_or_default()
        };
        let widths: [usize; HEADER.len()] = std::array::from_fn(width);
        line(f, &widths, &HEADER)?;
        for row in &rows {
            line(f, &widths, row)?;
        }
        writeln!(f, "{LEGEND}")
    }
}

/// Numbers to the right, names to the left.
fn line(f: &mut fmt::Formatter<'_>, widths: &[usize], cells: &[impl Display]) -> fmt::Result {
    for (column, (cell, &width)) in cells.iter().zip(widths).enumerate() {
        let gap = if column == 0 { "" } else { "  " };
        match HEADER[column] {
            "class" => write!(f, "{gap}{cell:<width$}")?,
            _ => write!(f, "{gap}{cell:>width$}")?,
        }
    }
    writeln!(f)
}

fn cells(row: &Row) -> Option<[String; HEADER.len()]> {
    let events = row.events;
    let [instructions, entry_text, body, daif_writes, barriers, memory] =
        row.clean.map_or_else(|| ["-"; 6].map(str::to_owned), figures);
    Some([
        row.phase?.to_string(),
        row.class.to_string(),
        events.count.to_string(),
        events.disturbed.to_string(),
        (events.switched + events.unfinished).to_string(),
        instructions,
        entry_text,
        body,
        daif_writes,
        barriers,
        memory,
    ])
}

/// All that the kernel ran in a round, for whichever task.
fn round_cells(round: &Round) -> [String; HEADER.len()] {
    let [instructions, entry_text, body, daif_writes, barriers, memory] =
        round.clean.map_or_else(|| ["-"; 6].map(str::to_owned), figures);
    let (phase, count, disturbed) = (round.phase.to_string(), round.count.to_string(), round.disturbed.to_string());
    let (class, dropped) = ("whole round".to_owned(), "0".to_owned());
    [phase, class, count, disturbed, dropped, instructions, entry_text, body, daif_writes, barriers, memory]
}

fn figures(Counts { total, entry_text }: Counts<Spread>) -> [String; 6] {
    let outside = |all: Spread, inside: Spread| all.median.saturating_sub(inside.median).to_string();
    [
        spread(total.instructions),
        spread(entry_text.instructions),
        outside(total.instructions, entry_text.instructions),
        format!("{}+{}", entry_text.daif_writes.median, outside(total.daif_writes, entry_text.daif_writes)),
        spread(total.barriers),
        format!("{}, {}", total.loads.median, total.stores.median),
    ]
}

fn spread(Spread { min, median, max }: Spread) -> String {
    if min == max { median.to_string() } else { format!("{min}/{median}/{max}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vestibule_counter::report::{Class, Events, Kind, Measures, Origin};

    #[test]
    fn shows_one_number_where_all_agree() {
        assert_eq!(spread(Spread { min: 2, median: 2, max: 2 }), "2");
        assert_eq!(spread(Spread { min: 2, median: 2, max: 3 }), "2/2/3");
    }

    #[test]
    fn has_a_line_for_each_row_of_a_phase_and_none_for_others() {
        let same = |median| Spread { min: median, median, max: median };
        let total = Measures { instructions: same(281), daif_writes: same(5), ..Measures::default() };
        let entry_text = Measures { instructions: same(140), daif_writes: same(2), ..Measures::default() };
        let class = Class { from: Origin::El0_64, kind: Kind::Irq, cause: None, system_call: None };
        let events = Events { count: 25, disturbed: 3, ..Events::default() };
        let row = Row { phase: Some(5), class, events, clean: Some(Counts { total, entry_text }) };
        let outside = Row { phase: None, ..row.clone() };
        let report = Report { phases: vec![row, outside], whole_run: vec![], unmatched_returns: 0, rounds: vec![] };
        let table = Table(&report).to_string();
        let lines: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["5", "el0_64", "irq", "25", "3", "0", "281", "140", "141", "2+3", "0", "0,", "0"]);
        assert_eq!(lines.len(), 2 + LEGEND.lines().count());
    }
}
