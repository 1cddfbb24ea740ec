//! What the model expects of a program, beside what QEMU did.

use std::fmt;

use conformance::Record;

use crate::machine::Records;
use crate::program::{Program, address};
use crate::rules::Rule;
use crate::simulated::Run;

/// One program, both ways.
pub struct Comparison<'a> {
    pub program: &'a Program,
    pub expected: Run,
    seen: &'a Records,
}

impl<'a> Comparison<'a> {
    /// Runs `program` on the model's CPU with its rules changed by `rules`; `seen` is what QEMU did.
    pub fn new(program: &'a Program, rules: &[Rule], seen: &'a Records) -> Self {
        Self { program, expected: Run::of(program, rules), seen }
    }

    /// Whether any exception was not the same.
    pub fn differs(&self) -> bool {
        self.first_difference() != self.seen.len()
    }

    /// How many exceptions were the same.
    fn first_difference(&self) -> usize {
        let pairs = self.expected.records.iter().zip(self.seen);
        pairs.take_while(|(expected, seen)| defined(expected) == defined(seen)).count()
    }
}

/// The record without an address that the exception does not define.
fn defined(record: &Record) -> Record {
    let synchronous = record.vector.is_multiple_of(4);
    let has_address = synchronous && matches!(record.esr >> 26, 0x20 | 0x21 | 0x22 | 0x24 | 0x25);
    Record { far: if has_address { record.far } else { 0 }, ..record.clone() }
}

/// The program, and its exceptions up to the one that differs. What nothing has set is left out.
impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.program)?;
        let pairs = self.expected.records.iter().zip(self.seen);
        for (number, (expected, seen)) in pairs.enumerate().take(self.first_difference() + 1) {
            writeln!(f, "{:20} {:36} QEMU", format!("exception {}", number + 1), "model")?;
            for ((name, expected), (_, seen)) in fields(expected).iter().zip(&fields(seen)) {
                if expected != seen || expected != "0" {
                    let mark = if expected == seen { "" } else { "   <- differs" };
                    writeln!(f, "    {name:16} {expected:36} {seen}{mark}")?;
                }
            }
        }
        Ok(())
    }
}

fn fields(record: &Record) -> Vec<(String, String)> {
    let record = defined(record);
    let number = |value: u64| if value == 0 { "0".to_owned() } else { format!("{value:#x}") };
    let mut fields = vec![
        ("vector".to_owned(), vector(record.vector)),
        ("ELR_EL1".to_owned(), address(record.elr)),
        ("SPSR_EL1".to_owned(), state(record.spsr)),
        ("ESR_EL1".to_owned(), number(record.esr)),
        ("FAR_EL1".to_owned(), number(record.far)),
        ("PSTATE now".to_owned(), state(record.pstate)),
        ("SP_EL0".to_owned(), number(record.sp_el0)),
    ];
    fields.extend((16..).zip(record.reads).map(|(x, value)| (format!("X{x}"), number(value))));
    fields.push(("X28".to_owned(), record.returns.to_string()));
    fields
}

/// A value of SPSR, taken apart.
fn state(spsr: u64) -> String {
    const MASKS: [(u32, &str); 4] = [(9, "D"), (8, "A"), (7, "I"), (6, "F")];
    const OTHERS: [(u32, &str); 4] = [(25, " TCO"), (22, " PAN"), (21, " SS"), (20, " IL")];
    let mode = match spsr & 0x1f {
        0b0000 => "EL0t".to_owned(),
        0b0100 => "EL1t".to_owned(),
        0b0101 => "EL1h".to_owned(),
        mode => format!("mode {mode:#x}"),
    };
    let bit = |(bit, name): (u32, &'static str), clear| if spsr >> bit & 1 != 0 { name } else { clear };
    let (masks, others) = (MASKS.map(|mask| bit(mask, "-")), OTHERS.map(|other| bit(other, "")));
    format!("{spsr:#x}: {mode} {}{}", masks.concat(), others.concat())
}

const FROM: [&str; 4] = ["EL1 on SP_EL0", "EL1", "EL0", "EL0, AArch32"];
const WHAT: [&str; 4] = ["synchronous", "IRQ", "FIQ", "SError"];

fn vector(vector: u64) -> String {
    let vector = vector as usize % 16;
    format!("{}, {}", WHAT[vector % 4], FROM[vector / 4])
}

/// How many exceptions took which vector.
pub fn by_vector(seen: &[Records]) -> String {
    let count = |vector| seen.as_flattened().iter().filter(|record| record.vector == vector as u64).count();
    let of = |from: usize| {
        let counts = (0..4).map(|what| (WHAT[what], count(from * 4 + what))).filter(|(_, count)| *count > 0);
        counts.map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
    };
    let lines = (0..4).map(|from| (FROM[from], of(from))).filter(|(_, counts)| !counts.is_empty());
    lines.map(|(from, counts)| format!("from {from}: {counts}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(vector: u64, esr: u64, far: u64) -> Record {
        Record { vector, elr: 0, spsr: 0, esr, far, pstate: 0, sp_el0: 0, reads: [0; 8], returns: 0 }
    }

    #[test]
    fn an_address_counts_where_the_exception_has_one() {
        let abort = 0x25 << 26;
        assert_ne!(defined(&record(4, abort, 1)), defined(&record(4, abort, 2)));
        assert_eq!(defined(&record(4, 0, 1)), defined(&record(4, 0, 2)));
        // An interrupt, with the syndrome of an earlier abort.
        assert_eq!(defined(&record(5, abort, 1)), defined(&record(5, abort, 2)));
    }

    #[test]
    fn shows_the_first_difference_and_nothing_after_it() {
        let program = Program::random(&mut fastrand::Rng::with_seed(1));
        let mut seen: Records = Run::of(&program, &[]).records.try_into().expect("the model ends its programs");
        assert!(!Comparison::new(&program, &[], &seen).differs());
        seen[3].sp_el0 += 1;
        seen[5].elr += 4;
        let text = Comparison::new(&program, &[], &seen).to_string();
        assert_eq!(text.matches("<- differs").count(), 1, "{text}");
        assert!(text.contains("exception 4 ") && !text.contains("exception 5 "), "{text}");
    }

    #[test]
    fn takes_states_apart() {
        assert_eq!(state(0x0050_02c5), "0x5002c5: EL1h D-IF PAN IL");
        assert_eq!(state(0x0200_001a), "0x200001a: mode 0x1a ---- TCO");
    }
}
