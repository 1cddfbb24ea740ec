//! `cargo xtask mutants`: small changes of the code that the model drives, one after another; the model is to find each. What
//! changes there are is cargo-mutants' business, which files is `.cargo/mutants.toml`'s, and how the model is asked that of
//! `vestibule-model/tests/quick.rs`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::{process, progress, workspace};

#[derive(clap::Args)]
pub struct Options {
    /// One part of the changes, of so many: 1/8 to 8/8
    #[arg(long, value_name = "PART/OF", value_parser = shard)]
    shard: Option<Shard>,
    /// Only changes in files like this one; can be given again
    #[arg(long, value_name = "GLOB")]
    files: Vec<String>,
    /// Only changes that are called like this, which cargo-mutants shows with `--list`
    #[arg(long, value_name = "REGEX")]
    like: Option<String>,
}

#[derive(Clone, Copy)]
struct Shard {
    part: u32,
    of: u32,
}

fn shard(text: &str) -> Result<Shard, String> {
    let parts = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    match parts {
        Some((part, of)) if (1..=of).contains(&part) => Ok(Shard { part, of }),
        _ => Err("a shard is a part and how many there are: 1/8 to 8/8".into()),
    }
}

/// Of those that compile, in percent.
const TO_BE_KILLED: usize = 95;

/// A search that is endless with a change ends after so many seconds; without one it takes a few, also where others compute.
const TIMEOUT: &str = "60";
const BUILD_TIMEOUT: &str = "600";

/// Tries the changes, and says which the model did not find.
pub fn mutants(options: &Options) -> Result<ExitCode> {
    check_installed()?;
    let reference = tempfile::tempdir().context("cannot make a folder for the reference")?;
    progress::say("the shipped code first, twice: what it does, and that it does the same again");
    for _ in 0..2 {
        process::run(&mut quick(reference.path()))?;
    }
    let folder = workspace::root().join("target/mutants");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let results = folder.join("mutants.out");
    let mut command = cargo_mutants(options, reference.path(), &folder);
    // Its exit status says that some survived; how many may is decided here.
    let status = process::tied(&mut command).status();
    status.with_context(|| format!("cannot start {}", process::describe(&command)))?;
    let tally = Tally::read(&results)?;
    print!("{tally}");
    println!("What each change was, and what came of it: {}", results.display());
    Ok(if tally.is_enough() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn check_installed() -> Result<()> {
    let found = process::output(Command::new("cargo").args(["mutants", "--version"]));
    found.context("cargo-mutants is needed: `cargo install cargo-mutants --locked`")?;
    Ok(())
}

fn quick(reference: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.args(["test", "--quiet", "--package", "vestibule-model", "--test", "quick", "--no-default-features"]);
    command.current_dir(workspace::root()).env(REFERENCE, reference).env(DEBUG.0, DEBUG.1);
    command
}

const REFERENCE: &str = "VESTIBULE_REFERENCE";
/// Each change is compiled once and run once: what takes less to compile takes less.
const DEBUG: (&str, &str) = ("CARGO_PROFILE_DEV_DEBUG", "0");

fn cargo_mutants(options: &Options, reference: &Path, folder: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.args(["mutants", "--test-package", "vestibule-model", "--no-default-features", "--cargo-arg=--test=quick"]);
    // Without a change it has run above; cargo-mutants would run the changed packages' own tests.
    command.args(["--baseline", "skip", "--timeout", TIMEOUT, "--build-timeout", BUILD_TIMEOUT]);
    command.arg("--output").arg(folder);
    if let Some(Shard { part, of }) = options.shard {
        command.args(["--sharding", "round-robin", "--shard", &format!("{}/{of}", part - 1)]);
    }
    command.args(options.files.iter().flat_map(|glob| ["--file", glob]));
    command.args(options.like.iter().flat_map(|regex| ["--re", regex]));
    // Each copy of the tree builds in itself: in a folder that trees share, cargo takes a changed crate for the shipped one.
    command.current_dir(workspace::root()).env(REFERENCE, reference).env_remove("CARGO_TARGET_DIR");
    command.env(DEBUG.0, DEBUG.1);
    command
}

/// `outcomes.json`, as far as it matters here.
#[derive(Deserialize)]
struct Outcomes {
    outcomes: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    scenario: Value,
    summary: String,
    log_path: PathBuf,
}

/// Who found how many changes.
#[derive(Default)]
struct Tally {
    unviable: usize,
    /// By the constraint that broke; of several, the first one's.
    constraints: BTreeMap<u32, usize>,
    other_search: usize,
    stopped: usize,
    endless: usize,
    survivors: Vec<String>,
}

impl Tally {
    fn read(results: &Path) -> Result<Tally> {
        let file = results.join("outcomes.json");
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let outcomes: Outcomes = serde_json::from_str(&text).with_context(|| format!("{}", file.display()))?;
        let mut tally = Tally::default();
        for outcome in &outcomes.outcomes {
            let log = results.join(&outcome.log_path);
            let log = std::fs::read(&log).with_context(|| format!("cannot read {}", log.display()))?;
            let name = outcome.scenario.pointer("/Mutant/name").and_then(Value::as_str);
            tally.count(&outcome.summary, name.unwrap_or("the shipped code"), &String::from_utf8_lossy(&log));
        }
        ensure!(tally.tried() > 0, "no change was tried: no file is like that, or the shard is empty");
        Ok(tally)
    }

    fn count(&mut self, summary: &str, name: &str, log: &str) {
        match summary {
            "Unviable" => self.unviable += 1,
            "Timeout" => self.endless += 1,
            "CaughtMutant" => match first_broken(log) {
                Some(constraint) => *self.constraints.entry(constraint).or_default() += 1,
                None if log.contains("another search") => self.other_search += 1,
                None => self.stopped += 1,
            },
            _ => self.survivors.push(name.into()),
        }
    }

    fn broken(&self) -> usize {
        self.constraints.values().sum()
    }

    fn killed(&self) -> usize {
        self.broken() + self.other_search + self.stopped + self.endless
    }

    fn viable(&self) -> usize {
        self.killed() + self.survivors.len()
    }

    fn tried(&self) -> usize {
        self.viable() + self.unviable
    }

    fn is_enough(&self) -> bool {
        self.killed() * 100 >= self.viable() * TO_BE_KILLED
    }
}

/// The constraint that broke in the first family that failed.
fn first_broken(log: &str) -> Option<u32> {
    let (_, after) = log.split_once("breaks C")?;
    after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (tried, viable, killed) = (self.tried(), self.viable(), self.killed());
        writeln!(f, "{tried} changes; {} do not compile, {viable} do", self.unviable)?;
        let percent = (killed * 1000 + viable / 2).checked_div(viable).unwrap_or(1000);
        writeln!(f, "{killed} of {viable} found, {}.{} %:", percent / 10, percent % 10)?;
        writeln!(f, "{:>5}  a constraint breaks", self.broken())?;
        for (constraint, changes) in &self.constraints {
            writeln!(f, "{changes:>12}  C{constraint}")?;
        }
        writeln!(f, "{:>5}  nothing breaks, but the search is another", self.other_search)?;
        writeln!(f, "{:>5}  the code or the model stops itself", self.stopped)?;
        writeln!(f, "{:>5}  the search is endless", self.endless)?;
        writeln!(f, "{} not found", self.survivors.len())?;
        self.survivors.iter().try_for_each(|name| writeln!(f, "       {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_found_a_change_is_read_from_its_log() {
        let mut tally = Tally::default();
        tally.count("CaughtMutant", "a", "user: breaks C22: opens, after 0 events\nkernel: breaks C4: x");
        tally.count("CaughtMutant", "b", "another search:\n1 states");
        tally.count("CaughtMutant", "c", "thread panicked");
        tally.count("Timeout", "d", "");
        tally.count("Unviable", "e", "breaks C1");
        tally.count("MissedMutant", "f", "");
        assert_eq!((tally.tried(), tally.viable(), tally.killed()), (6, 5, 4));
        assert_eq!((&tally.constraints, tally.is_enough()), (&BTreeMap::from([(22, 1)]), false));
        assert!(tally.to_string().contains("4 of 5 found, 80.0 %"), "{tally}");
    }
}
