//! Holds the model's CPU against QEMU: the same random programs of mask writes, exceptions and exception returns on both,
//! and every exception compared. `cargo xtask conformance` builds the harness and starts this.
//!
//! - `program` makes programs of `instruction`s;
//! - `simulated` runs them on `vestibule_model::cpu`, by its rules and those that `rules` adds;
//! - `machine` runs them on QEMU, in the harness of `conformance/`;
//! - `comparison` finds the first difference, and `shrink` the shortest program that still shows one.
//!
//! Before it says that there is no difference, it breaks each rule once: the same programs must show every mistake.
//!
//! Compared at each exception: the vector, ELR, SPSR, ESR, FAR where the exception has an address, what can be read of
//! PSTATE, SP_EL0, and what MRS has read since. Not compared: SError, which nothing below EL2 can raise in QEMU; when an
//! interrupt that is neither masked nor waited for arrives, which the architecture leaves open and QEMU does at once;
//! what barriers order, because QEMU shows no reordering; PSTATE's BTYPE, SSBS, DIT and UAO, which the
//! model has not, and ALLINT, which the programs do not use.

mod comparison;
mod instruction;
mod machine;
mod program;
mod rules;
mod shrink;
mod simulated;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;

use crate::comparison::Comparison;
use crate::machine::{Machine, Records};
use crate::program::Program;
use crate::rules::{MISTAKES, QEMU_DIFFERS, Rule};
use crate::simulated::Run;

/// Compares the model's CPU with QEMU on random programs.
#[derive(Parser)]
struct Options {
    /// How many programs
    #[arg(long, default_value_t = 10_000)]
    programs: usize,
    /// Where random begins: the same seed, the same programs
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The ELF file of the harness
    #[arg(long)]
    harness: PathBuf,
    /// The words of a command that starts QEMU; what machine it is, is added
    #[arg(last = true, required = true)]
    qemu: Vec<String>,
}

fn main() -> ExitCode {
    conformance(&Options::parse()).unwrap_or_else(|error| {
        eprintln!("conformance: error: {error:#}");
        ExitCode::FAILURE
    })
}

fn conformance(options: &Options) -> Result<ExitCode> {
    let mut random = fastrand::Rng::with_seed(options.seed);
    let programs: Vec<_> = std::iter::repeat_with(|| Program::random(&mut random)).take(options.programs).collect();
    let machine = Machine { command: &options.qemu, harness: &options.harness };
    let seen = machine.run(&programs)?;

    let pairs = programs.iter().zip(&seen);
    let comparisons: Vec<_> = pairs.map(|(program, seen)| Comparison::new(program, QEMU_DIFFERS, seen)).collect();
    if let Some(comparison) = comparisons.iter().find(|comparison| comparison.differs()) {
        print!("{}", shrink::shrink(comparison.program, &machine)?);
        return Ok(ExitCode::FAILURE);
    }

    let mistakes = try_mistakes(&programs, &seen)?;
    let sum = |count: fn(&Run) -> u64| comparisons.iter().map(|comparison| count(&comparison.expected)).sum::<u64>();
    let (instructions, exceptions) = (sum(|run| run.instructions), sum(|run| run.records.len() as u64));
    println!("{} programs, {instructions} instructions, {exceptions} exceptions: no difference", programs.len());
    println!("{}", comparison::by_vector(&seen));
    let (legal, illegal) = (sum(|run| run.legal_returns), sum(|run| run.illegal_returns));
    println!("exception returns: {legal} legal, {illegal} illegal");
    println!("mistakes planted in the model: {mistakes}, each shown");
    Ok(ExitCode::SUCCESS)
}

/// Breaks each rule, one at a time; the programs must show it. Returns how many there were. What QEMU is known to do
/// otherwise must show too, or it no longer does.
fn try_mistakes(programs: &[Program], seen: &[Records]) -> Result<usize> {
    let shows = |rules: &[Rule]| {
        programs.iter().zip(seen).any(|(program, seen)| Comparison::new(program, rules, seen).differs())
    };
    for differs in QEMU_DIFFERS {
        let others: Vec<_> = QEMU_DIFFERS.iter().copied().filter(|rule| rule.name != differs.name).collect();
        if !shows(&others) {
            bail!("too few programs, or this QEMU does as the architecture says where others do not: {}", differs.name);
        }
    }
    for mistake in MISTAKES {
        if !shows(&[QEMU_DIFFERS, &[*mistake]].concat()) {
            bail!("no program shows this mistake, which was planted in the model: {}", mistake.name);
        }
    }
    Ok(MISTAKES.len())
}
