//! `cargo xtask count`: what exception entry and exit cost in instructions, held against `budgets.toml`.
//!
//! The program `count` runs on the plain kernel, on one CPU whose clock counts instructions, and a plugin of QEMU counts from
//! outside. Twice: the two reports must be the same, byte for byte, or the figures are nobody's.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use vestibule_counter::report::Report;

use crate::backend::Backend;
use crate::budget::Budgets;
use crate::build::{self, Programs};
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

/// Counts on a fresh build, once the counter has shown that it counts right.
pub fn count() -> Result<ExitCode> {
    let toolchain = Toolchain::ready()?;
    let qemu = Qemu::ready()?;
    let kernel = build::plain_kernel(&toolchain, Backend::default())?;
    let programs = Programs::new(&toolchain, "release")?;
    let counter = Counter::new()?;
    counter_test::check(&toolchain, &qemu, &counter)?;
    check(&kernel, &programs, &qemu, &counter)?;
    Ok(ExitCode::SUCCESS)
}

/// Counts `kernel`, prints the table, and fails if a budget is exceeded or two runs differ.
pub fn check(kernel: &Path, programs: &Programs, qemu: &Qemu, counter: &Counter) -> Result<()> {
    let budgets = Budgets::read()?;
    let program = programs.find(PROGRAM)?;
    let machine = Machine {
        kernel,
        initrd: &Root::of_programs(programs)?.write("programs")?,
        program: Some(program),
        command_line: COMMAND_LINE,
        cpus: 1,
        cpu: Backend::default().cpu(),
        limit: Some(LIMIT),
    };
    let report = count_twice(&machine, qemu, counter)?;
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

fn count_twice(machine: &Machine, qemu: &Qemu, counter: &Counter) -> Result<Report> {
    let first = counter.count(machine, qemu)?;
    let second = counter.count(machine, qemu)?;
    match first_difference(&first.json, &second.json) {
        None => Ok(first.report),
        Some((line, first, second)) => {
            bail!("two runs of the same machine were counted differently: line {line} is {first:?}, then {second:?}")
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
