//! `cargo xtask count`: what exception entry and exit cost in instructions, held against `budgets.toml`.
//!
//! The program `count` runs on the plain kernel, on one CPU whose clock counts instructions, and a plugin of QEMU counts from
//! outside. Twice: the two reports must be the same, byte for byte, or the figures are nobody's.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::ValueEnum;
use vestibule_counter::report::{Measures, Report, Spread};

use crate::backend::Backend;
use crate::budget::Budgets;
use crate::build::{self, Build, Programs};
use crate::counter::Counter;
use crate::counter_test;
use crate::initrd::Root;
use crate::machine::Machine;
use crate::qemu::Qemu;
use crate::table::Table;
use crate::toolchain::Toolchain;

const PROGRAM: &str = "count";

/// 4,000 of each exception; 100 ticks in the phases that wait for interrupts.
const COMMAND_LINE: &str = "preempt=full -- count 4000";

/// It takes about two seconds.
const LIMIT: Duration = Duration::from_secs(120);

#[derive(clap::Args)]
pub struct Options {
    /// What entry and exit cost on each backend, all on the one model of a CPU that has FEAT_NMI
    #[arg(long)]
    backends: bool,
}

/// How many instructions more than `Daif` a system call or a fault may cost.
const MORE: u64 = 2;

/// Counts on a fresh build, once the counter has shown that it counts right.
pub fn count(options: &Options) -> Result<ExitCode> {
    if options.backends {
        return count_backends();
    }
    let toolchain = Toolchain::ready()?;
    let qemu = Qemu::ready()?;
    let kernel = build::kernel(&toolchain, "release", Build::plain(Backend::default()))?;
    let programs = Programs::new(&toolchain, "release")?;
    let counter = Counter::new()?;
    counter_test::check(&toolchain, &qemu, &counter)?;
    check(&kernel, &programs, &qemu, &counter)?;
    Ok(ExitCode::SUCCESS)
}

fn count_backends() -> Result<ExitCode> {
    let (toolchain, qemu, counter) = (Toolchain::ready()?, Qemu::ready()?, Counter::new()?);
    let (programs, budgets) = (Programs::new(&toolchain, "release")?, Budgets::read()?);
    let counted = Counted { programs: &programs, qemu: &qemu, counter: &counter };
    let kernels =
        Backend::value_variants().iter().map(|backend| build::kernel(&toolchain, "release", Build::plain(*backend)));
    let reports = kernels.map(|kernel| counted.twice(&kernel?, Backend::Allint.cpu())).collect::<Result<Vec<_>>>()?;
    let costs = reports.iter().map(|report| budgets.costs(report)).collect::<Result<Vec<_>>>()?;
    println!("in entry text: instructions; writes of DAIF, PMR, ALLINT{:9}daif             pmr          allint", "");
    let mut exceeded = Vec::new();
    for row in 0..costs[0].len() {
        let (name, is_synchronous, daif) = costs[0][row];
        print!("{name:<52}");
        for Measures { instructions, daif_writes, pmr_writes, allint_writes, .. } in
            costs.iter().map(|costs| costs[row].2)
        {
            let [daif, pmr, allint] = [daif_writes, pmr_writes, allint_writes].map(|writes| writes.median);
            print!("{:>9} {daif} {pmr} {allint}", instructions.median);
        }
        println!();
        let is_dear = |cost: &Measures<Spread>| {
            cost.instructions.median > daif.instructions.median + MORE || cost.pmr_writes.max > 0
        };
        if is_synchronous && costs.iter().any(|costs| is_dear(&costs[row].2)) {
            exceeded.push(name);
        }
    }
    if !exceeded.is_empty() {
        bail!("these cost more than {MORE} instructions more than with Daif, or write the priority mask: {exceeded:?}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Counts `kernel`, prints the table, and fails if a budget is exceeded or two runs differ.
pub fn check(kernel: &Path, programs: &Programs, qemu: &Qemu, counter: &Counter) -> Result<()> {
    let budgets = Budgets::read()?;
    let report = Counted { programs, qemu, counter }.twice(kernel, Backend::default().cpu())?;
    print!("{}", Table(&report));
    let exceeded = budgets.exceeded(&report);
    if !exceeded.is_empty() {
        bail!(
            "{} of {} limits in budgets.toml do not hold:\n{}",
            exceeded.len(),
            budgets.limits(),
            exceeded.join("\n")
        );
    }
    println!("all {} limits in budgets.toml hold", budgets.limits());
    Ok(())
}

/// What is counted, and by what.
struct Counted<'a> {
    programs: &'a Programs,
    qemu: &'a Qemu,
    counter: &'a Counter,
}

impl Counted<'_> {
    /// The program on that kernel, on one CPU of that model.
    fn twice(&self, kernel: &Path, cpu: &str) -> Result<Report> {
        let machine = Machine {
            kernel,
            shim: None,
            initrd: &Root::of_programs(self.programs)?.write("programs")?,
            program: Some(self.programs.find(PROGRAM)?),
            command_line: COMMAND_LINE,
            cpus: 1,
            cpu,
            mte: false,
            limit: Some(LIMIT),
        };
        let first = self.counter.count(&machine, self.qemu)?;
        let second = self.counter.count(&machine, self.qemu)?;
        match first_difference(&first.json, &second.json) {
            None => Ok(first.report),
            Some((line, first, second)) => {
                bail!(
                    "two runs of the same machine were counted differently: line {line} is {first:?}, then {second:?}"
                )
            }
        }
    }
}

/// The number of the first line that differs, and the two lines.
fn first_difference<'a>(first: &'a str, second: &'a str) -> Option<(usize, &'a str, &'a str)> {
    if first == second {
        return None;
    }
    let (mut left, mut right) = (first.lines(), second.lines());
    for number in 1.. {
        match (left.next(), right.next()) {
            (Some(left), Some(right)) if left == right => {}
            (left, right) => return Some((number, left.unwrap_or_default(), right.unwrap_or_default())),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_first_line_that_differs() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some((2, "b", "c")));
        assert_eq!(first_difference("a\nb\n", "a\n"), Some((2, "b", "")));
        assert_eq!(first_difference("a\n", "a"), Some((2, "", "")));
    }
}
