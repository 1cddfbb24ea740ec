//! `cargo xtask test`: every check there is, cheapest first.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::backend::Backend;
use crate::binary;
use crate::boot_test::{Bench, BootTest, Kernel, On};
use crate::build::{self, Build, Kind, Programs};
use crate::counter::Counter;
use crate::process;
use crate::progress::say;
use crate::qemu::Qemu;
use crate::toolchain::Toolchain;
use crate::{
    c_library, compare, conformance, count, counter_test, interactive, minimal_kernel, model, one_command,
    side_by_side, suites, workspace,
};

/// The packages that are compiled for the bare-metal target too.
const BARE_METAL: &[&str] =
    &["vestibule", "vestibule-arm64", "kernel", "programs", "same-code", "minimal-kernel", "conformance", "shim"];

#[derive(clap::Args)]
pub struct Options {
    /// Only the boot tests with this in their names, and nothing else
    #[arg(long, value_name = "NAME")]
    boot: Option<String>,
    /// Boot kernels of this backend, and nothing else
    #[arg(long, value_enum)]
    backend: Option<Backend>,
    /// Boot kernels and machines with tags in memory, and nothing else
    #[arg(long)]
    mte: bool,
    /// How many seconds a boot may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
}

impl Options {
    fn boots_alone(&self) -> bool {
        self.boot.is_some() || self.backend.is_some() || self.mte
    }

    /// Whether the boot test of that name is among those that are asked for.
    fn wants(&self, test: &str) -> bool {
        self.boot.as_ref().is_none_or(|name| test.contains(name.as_str()))
    }
}

/// Runs the steps until one fails; the last line it prints counts what passed and what failed.
pub fn test(options: &Options) -> Result<ExitCode> {
    let mut tally = Tally::default();
    let done = steps(options, &mut tally);
    if let Err(error) = &done {
        say(&format!("error: {error:#}"));
        tally.failed = tally.failed.max(1);
    }
    println!("{tally}");
    Ok(if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How many checks came out how.
#[derive(Default, Debug, PartialEq, Eq)]
struct Tally {
    passed: u32,
    failed: u32,
}

impl Tally {
    /// Counts one check.
    fn note(&mut self, check: Result<()>) -> Result<()> {
        match check {
            Ok(()) => self.passed += 1,
            Err(_) => self.failed += 1,
        }
        check
    }

    /// Counts one check after which others go on, and says what was wrong.
    fn note_and_show(&mut self, check: Result<()>) {
        if let Err(error) = self.note(check) {
            println!("{error:#}");
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

fn steps(options: &Options, tally: &mut Tally) -> Result<()> {
    if !options.boots_alone() {
        check_source(tally)?;
        host_tests(tally)?;
        say("model");
        tally.note(model::check_shipped())?;
        say("known bugs");
        count_tests(&mut model::corpus_tests(), tally)?;
    }
    boot_tests(options, tally)?;
    if !options.boots_alone() {
        say("busybox on our kernel and on Linux");
        tally.note(compare::check(
            &build::kernel(&Toolchain::ready()?, "release", Build::checked(Backend::default()))?,
            &Qemu::ready()?,
        ))?;
        say("conformance of the model's CPU");
        tally.note(conformance::check(&Toolchain::ready()?, &Qemu::ready()?))?;
        counts(tally)?;
        say("machine code");
        tally.note(binary::check(&Toolchain::ready()?))?;
    }
    Ok(())
}

/// Formatting, lints and documentation, of what is compiled for the host and of what is not.
fn check_source(tally: &mut Tally) -> Result<()> {
    const LINTS: [&str; 3] = ["--", "-D", "warnings"];
    const STRICT: (&str, &str) = ("RUSTDOCFLAGS", "-D warnings");
    step("formatting", host("fmt").args(["--all", "--check"]), tally)?;
    step("lints", host("clippy").args(["--workspace", "--all-targets"]).args(LINTS), tally)?;
    step("documentation", host("doc").args(["--workspace", "--no-deps"]).env(STRICT.0, STRICT.1), tally)?;
    let toolchain = Toolchain::ready()?;
    let all: Vec<_> = BARE_METAL.iter().flat_map(|package| ["--package", package]).collect();
    let plain = vec!["--package", "kernel", build::WITHOUT_CHECKS];
    for (name, options) in [("bare-metal", &all), ("plain kernel's", &plain)] {
        step(&format!("{name} lints"), build::cargo(&toolchain, "clippy").args(options).args(LINTS), tally)?;
    }
    let documentation = &mut build::cargo(&toolchain, "doc");
    let documentation = documentation.arg("--no-deps").args(&all).env(STRICT.0, STRICT.1);
    step("bare-metal documentation", documentation, tally)
}

/// A cargo subcommand for the host's crates.
fn host(subcommand: &str) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.arg(subcommand).current_dir(workspace::root());
    cargo
}

/// Runs a command that is one check.
fn step(name: &str, command: &mut Command, tally: &mut Tally) -> Result<()> {
    say(name);
    tally.note(process::run(command))
}

fn host_tests(tally: &mut Tally) -> Result<()> {
    say("host tests");
    count_tests(host("test").arg("--workspace"), tally)
}

/// Runs `cargo test`, shows what it prints and counts its tests: there have to be some.
fn count_tests(command: &mut Command, tally: &mut Tally) -> Result<()> {
    let before = tally.passed;
    command.stdout(Stdio::piped());
    let mut child = process::tied(command).spawn().context("cannot start cargo")?;
    for line in BufReader::new(child.stdout.take().expect("its output is piped")).lines() {
        let line = line?;
        println!("{line}");
        if let Some((passed, failed)) = test_result(&line) {
            tally.passed += passed;
            tally.failed += failed;
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{} failed: {status}", process::describe(command));
    }
    if tally.passed == before {
        bail!("{}: no test", process::describe(command));
    }
    Ok(())
}

/// The counts in `test result: ok. 12 passed; 0 failed; …`, which ends each test program's output.
fn test_result(line: &str) -> Option<(u32, u32)> {
    let (_verdict, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |label| counts.split("; ").find_map(|part| part.strip_suffix(label)?.parse().ok());
    Some((count(" passed")?, count(" failed")?))
}

/// The counter against what was counted by hand, then what it counts against the budgets. The kernel is the very file
/// that has just passed the boot tests.
fn counts(tally: &mut Tally) -> Result<()> {
    let (toolchain, qemu, counter) = (Toolchain::ready()?, Qemu::ready()?, Counter::new()?);
    let kernel = build::kernel(&toolchain, "release", Build::plain(Backend::default()))?;
    let programs = Programs::new(&toolchain, "release")?;
    say("counter");
    tally.note(counter_test::check(&toolchain, &qemu, &counter))?;
    say("counts");
    tally.note(count::check(&kernel, &programs, &qemu, &counter))
}

/// Boots the minimal kernel, and every boot test with each kernel that is for it, also after one has failed.
fn boot_tests(options: &Options, tally: &mut Tally) -> Result<()> {
    let (toolchain, qemu, limit) = (Toolchain::ready()?, Qemu::ready()?, Duration::from_secs(options.timeout));
    let backend = options.backend.unwrap_or_default();
    let Tally { passed, failed } = *tally;
    say("boot tests");
    if options.wants(minimal_kernel::TEST.name) {
        tally.note_and_show(minimal_kernel::check(&toolchain, &qemu, limit));
    }
    if options.wants(interactive::NAME) {
        tally.note_and_show(interactive::check(&toolchain, &qemu, backend));
    }
    if options.wants(one_command::NAME) {
        tally.note_and_show(one_command::check(&toolchain, &qemu, backend));
    }
    let boots = boots(options);
    if !boots.is_empty() {
        boot_kernels(&boots, &toolchain, &qemu, limit, tally)?;
    }
    match (tally.passed - passed, tally.failed - failed) {
        (0, 0) => bail!("no boot test has {:?} in its name", options.boot.as_deref().unwrap_or_default()),
        (_, 0) => Ok(()),
        (_, failed) => bail!("boot tests failed: {failed}"),
    }
}

type Tests = Vec<(On, &'static BootTest)>;

/// What is booted for which tests of those that are asked for: both builds of the kernel that was asked for; without any, of others
/// also what only they can do.
fn boots(options: &Options) -> Vec<(Build, Tests)> {
    let Options { mte, .. } = *options;
    let backend = options.backend.unwrap_or_default();
    let both = [Kind::Checked, Kind::Plain].map(|kind| Build { kind, backend, mte });
    let mut boots: Vec<(_, Tests)> = both.map(|build| (build, suites::tests_of(build).collect())).into();
    if options.backend.is_none() && !mte {
        // Tags and NMIs in one, as each kernel takes as long to build as it boots.
        let others = [Build::checked(Backend::Pmr), Build { mte: true, ..Build::checked(Backend::Allint) }];
        boots.extend(others.map(|build| (build, suites::special_tests_of(build).collect())));
    }
    boots.iter_mut().for_each(|(_, tests)| tests.retain(|(_, test)| options.wants(test.name)));
    boots.retain(|(_, tests)| !tests.is_empty());
    boots
}

fn boot_kernels(
    boots: &[(Build, Tests)],
    toolchain: &Toolchain,
    qemu: &Qemu,
    limit: Duration,
    tally: &mut Tally,
) -> Result<()> {
    let mut programs = Programs::new(toolchain, "release")?;
    if boots.iter().flat_map(|(_, tests)| tests).any(|(_, test)| c_library::is_one(test.program())) {
        programs.add(c_library::programs()?);
    }
    let bench = Bench::new(toolchain, programs, qemu, limit)?;
    build_side_by_side(boots, toolchain)?;
    for (build, tests) in boots {
        let kernel = Kernel::of(*build, toolchain)?;
        let boot = |(on, test): (On, &BootTest)| test.run(on, &kernel, &bench).map(drop);
        side_by_side::each(tests.clone(), boot, |check| tally.note_and_show(check));
    }
    Ok(())
}

/// Those that share a folder wait for each other in cargo.
fn build_side_by_side(boots: &[(Build, Tests)], toolchain: &Toolchain) -> Result<()> {
    let mut built = Vec::new();
    let build = |build| Kernel::of(build, toolchain).map(drop);
    side_by_side::each(boots.iter().map(|(build, _)| *build).collect(), build, |came| built.push(came));
    built.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_cargo_test_prints() {
        let ok = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(test_result(ok), Some((12, 0)));
        let failed = "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(test_result(failed), Some((3, 2)));
        assert_eq!(test_result("test version::tests::reads_qemu_banners ... ok"), None);
    }

    #[test]
    fn ends_with_the_summary_that_readers_look_for() {
        assert_eq!(Tally { passed: 31, failed: 0 }.to_string(), "31 passed, 0 failed");
    }
}
