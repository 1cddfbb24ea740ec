//! `cargo xtask binary`: what the compiler made of entry and exit code. Between vector and tracking-on, and from
//! tracking-off to ERET, there is no panic, no indirect call and no call into ordinary code.
//!
//! The handlers are also what a hand-written sequence without types compiles to: [`same_code`].
//!
//! The source promises it, and only machine code shows it: whether a closure was inlined, a bound was checked, a cold
//! path was moved out, is the compiler's to decide, and may change with the next one.

mod code;
mod object_code;
mod permits;
mod planted;
mod same_code;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::backend::Backend;
use crate::build::{self, Build, Kind};
use crate::toolchain::Toolchain;
use code::Code;
use permits::{PERMITS, UNREACHED};
use walk::{Breach, Phase, Rule, Seen, walk};

#[derive(clap::Args)]
pub struct Options {
    /// The kernels of this backend, and nothing else
    #[arg(long, value_enum)]
    backend: Option<Backend>,
}

/// Checks both kernels, and prints what was found.
pub fn binary(options: &Options) -> Result<ExitCode> {
    let toolchain = Toolchain::ready()?;
    match options.backend {
        Some(backend) => all_is_right(&kernels(&toolchain, backend)?)?,
        None => check(&toolchain)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The same, as a step of the tests.
pub fn check(toolchain: &Toolchain) -> Result<()> {
    println!("{} planted mistakes, each found", planted::check(toolchain)?);
    let mut wrong = kernels(toolchain, Backend::default())?;
    wrong.extend(same_code::check(toolchain)?);
    all_is_right(&wrong)
}

fn all_is_right(wrong: &[String]) -> Result<()> {
    if !wrong.is_empty() {
        bail!("entry code is not what it promises to be, in {} places:\n  {}", wrong.len(), wrong.join("\n  "));
    }
    Ok(())
}

/// Walks both kernels of that backend, and says what is wrong.
fn kernels(toolchain: &Toolchain, backend: Backend) -> Result<Vec<String>> {
    let mut used = vec![false; PERMITS.len()];
    let mut wrong = Vec::new();
    for kind in [Kind::Checked, Kind::Plain] {
        let elf = build::kernel_elf(toolchain, Build { kind, backend, mte: false })?;
        let code = Code::read(&elf).with_context(|| format!("cannot check the {kind} kernel"))?;
        let seen = walk(&code, &roots(&code)?);
        println!("{}", figures(kind, &code, &seen));
        wrong.extend(judge(kind, &code, &seen, &mut used).into_iter().map(|text| format!("{kind} kernel: {text}")));
    }
    let unused = PERMITS.iter().zip(used).filter(|(_, used)| !used);
    wrong.extend(unused.map(|(permit, _)| format!("this permit is for nothing, remove it: {}", permit.reason)));
    Ok(wrong)
}

const SLOTS: u64 = 16;
const SLOT_SIZE: u64 = 128;

/// The 16 vectors; what goes to user mode for the first time: it begins as a body does, with nothing masked; the idle task's wait.
fn roots(code: &Code) -> Result<Vec<(u64, Phase)>> {
    let first = code.functions_named(FIRST_RETURN);
    if first.is_empty() {
        bail!("no function {FIRST_RETURN}: where does a task's first return to user mode begin?");
    }
    let waits = code.functions_named(WAIT);
    if waits.is_empty() {
        bail!("no function {WAIT}: where does the idle task wait?");
    }
    let called = first.into_iter().map(|address| (address, Phase::Body));
    let called = called.chain(waits.into_iter().map(|address| (address, Phase::Unwatched)));
    Ok(vectors(code).into_iter().chain(called).collect())
}

fn vectors(code: &Code) -> Vec<(u64, Phase)> {
    (0..SLOTS).map(|slot| (code.entry().start + slot * SLOT_SIZE, Phase::Entering)).collect()
}

const FIRST_RETURN: &str = "vestibule_arm64::vectors::enter_user";
const WAIT: &str = "vestibule_arm64::machine::unwatched";

/// What is wrong with this kernel, one line for each.
fn judge(kind: Kind, code: &Code, seen: &Seen, used: &mut [bool]) -> Vec<String> {
    let mut wrong = BTreeMap::<_, Breach>::new();
    for breach in &seen.breaches {
        match PERMITS.iter().position(|permit| permit.covers(breach, kind, code, seen)) {
            Some(permit) => used[permit] = true,
            None => {
                let key = (breach.rule, breach.phase, code.place(breach.at).1, breach.to);
                wrong.entry(key).or_insert(*breach);
            }
        }
    }
    let mut wrong: Vec<_> = wrong.values().map(|breach| describe(breach, code, seen)).collect();
    wrong.extend(unreached(code, seen));
    if seen.exception_returns.is_empty() {
        wrong.push("no path ends in ERET".into());
    }
    wrong
}

fn describe(breach: &Breach, code: &Code, seen: &Seen) -> String {
    let (by, start) = code.place(breach.at);
    let does = match breach.rule {
        Rule::OrdinaryCode if breach.to.is_some() => "calls ordinary code",
        Rule::OrdinaryCode => "is ordinary code",
        Rule::Indirect => "branches to wherever a register says",
        Rule::Exception => "takes an exception",
        Rule::UnknownBranch => "goes on where this check cannot follow",
        Rule::UnknownMask => "writes a mask that it may not,",
        Rule::LateSyndrome => "reads ELR, SPSR, ESR or FAR, which another exception may have overwritten,",
        Rule::EarlyReturnState => "writes ELR or SPSR, which another exception may overwrite,",
        Rule::OpensReturning => "opens a mask with the return state in ELR and SPSR",
        Rule::NotReturning => "returns from the exception without the return state in ELR and SPSR",
        Rule::NoCaller => "returns, and nobody called it,",
    };
    let to = breach.to.map_or(String::new(), |to| {
        let comes_back = if seen.comes_back(to) { "" } else { ", which never comes back" };
        format!(": {}{comes_back}", code.place(to).0)
    });
    format!("{by}+{:#x} {does} while {:?}{to}", breach.at - start, breach.phase)
}

/// Functions in entry text that no path leads to: nothing is proved of them.
fn unreached(code: &Code, seen: &Seen) -> Vec<String> {
    let functions = code.functions().filter(|(start, _)| code.entry().contains(start));
    let unreached: Vec<_> =
        functions.filter(|(start, _)| seen.reached.range(start..&code.end(*start)).next().is_none()).collect();
    let known = |name: &str| UNREACHED.iter().any(|(known, _)| name.contains(known));
    let new = unreached.iter().filter(|(_, name)| !known(name));
    let new = new.map(|(_, name)| format!("{name} is entry text, and no vector leads to it"));
    let stale = UNREACHED.iter().filter(|(known, _)| !unreached.iter().any(|(_, name)| name.contains(known)));
    new.chain(stale.map(|(known, _)| format!("{known} is reached or gone: it need not be excused"))).collect()
}

fn figures(kind: Kind, code: &Code, seen: &Seen) -> String {
    let size = code.entry().end - code.entry().start;
    let out = |wanted: Phase| seen.calls_out.iter().filter(|(phase, ..)| *phase == wanted).count();
    let phases = [Phase::Entering, Phase::Body, Phase::Exiting, Phase::Returning];
    let out: Vec<_> = phases.iter().map(|phase| format!("{phase:?} {}", out(*phase))).collect();
    format!(
        "{kind} kernel: entry text {size} bytes, {} instructions, {} of them between vector and ERET\n  \
         calls {}, indirect branches {}, ERET {}\n  calls into ordinary code: {}",
        size / 4,
        seen.reached.len(),
        seen.direct_calls.len(),
        seen.indirect.len(),
        seen.exception_returns.len(),
        out.join(", "),
    )
}
