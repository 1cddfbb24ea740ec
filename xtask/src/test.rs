//! `cargo xtask test`: every check there is, cheapest first.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::backend::Backend;
use crate::binary;
use crate::boot_test::{Bench, BootTest, CHECKED, Kernel};
use crate::boots::{BLIND_TESTS, BOOT_TESTS, MTE_TESTS, NMI_TESTS};
use crate::build::{self, Programs};
use crate::counter::Counter;
use crate::initrd::Root;
use crate::new_cpu_boots::NEW_CPU_TESTS;
use crate::process;
use crate::progress::say;
use crate::qemu::Qemu;
use crate::report_boots::REPORT_TESTS;
use crate::shim_boots::SHIM_TESTS;
use crate::toolchain::Toolchain;
use crate::{
    c_library, compare, conformance, count, counter_test, interactive, minimal_kernel, model, one_command, workspace,
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
}

impl Tally {
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
        tally.note(model::check_variants())?;
        count_tests(&mut model::corpus_tests(), tally)?;
    }
    boot_tests(options, tally)?;
    if !options.boots_alone() {
        say("busybox on our kernel and on Linux");
        tally.note(compare::check(
            &build::kernel(&Toolchain::ready()?, "release", Backend::default())?,
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
    let plain: Vec<_> = ["--package", "kernel"].into_iter().chain(build::PLAIN).collect();
    for (name, options) in [("bare-metal", all), ("plain kernel's", plain)] {
        let lints = &mut build::cargo(&toolchain, "clippy");
        step(&format!("{name} lints"), lints.args(&options).args(LINTS), tally)?;
        let documentation = &mut build::cargo(&toolchain, "doc");
        let documentation = documentation.arg("--no-deps").args(&options).env(STRICT.0, STRICT.1);
        step(&format!("{name} documentation"), documentation, tally)?;
    }
    Ok(())
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
    let kernel = build::plain_kernel(&toolchain, Backend::default())?;
    let programs = Programs::new(&toolchain, "release")?;
    say("counter");
    tally.note(counter_test::check(&toolchain, &qemu, &counter))?;
    say("counts");
    tally.note(count::check(&kernel, &programs, &qemu, &counter))
}

/// Boots the minimal kernel, and every boot test with both kernels, also after one has failed.
fn boot_tests(options: &Options, tally: &mut Tally) -> Result<()> {
    let asked = |own: &str| options.boot.as_ref().is_none_or(|name| own.contains(name.as_str()));
    let chosen = |test: &&BootTest| asked(test.name);
    let backend = options.backend.unwrap_or_default();
    // The usual kernel boots all the usual tests; one for tags besides boots its own.
    let all = |backend: Backend| {
        BOOT_TESTS.iter().chain(of_backend(backend)).chain(NEW_CPU_TESTS).chain(SHIM_TESTS).chain(REPORT_TESTS)
    };
    let tests: Vec<_> = all(backend).filter(chosen).filter(|_| !options.mte).collect();
    let usual = all(backend).filter(|_| options.mte);
    // Where no backend is asked for, what needs NMIs on the other two: on `AllInt` by the kernel for tags, which is one more anyway.
    let samples = options.backend.is_none() && !options.mte;
    let nmi_tests: Vec<_> = NMI_TESTS.iter().filter(chosen).filter(|_| samples).collect();
    let tagged_tests: Vec<_> = MTE_TESTS.iter().chain(usual).filter(chosen).chain(nmi_tests.iter().copied()).collect();
    let minimal = Some(minimal_kernel::TEST).filter(|test| chosen(&test));
    let (interactive, one_command) = (asked(interactive::NAME), asked(one_command::NAME));
    let none = tests.is_empty() && tagged_tests.is_empty() && minimal.is_none() && !interactive && !one_command;
    if let (Some(name), true) = (&options.boot, none) {
        bail!("no boot test has {name:?} in its name");
    }
    say("boot tests");
    let before = tally.failed;
    let (toolchain, qemu, limit) = (Toolchain::ready()?, Qemu::ready()?, Duration::from_secs(options.timeout));
    if minimal.is_some() {
        tally.note_and_show(minimal_kernel::check(&toolchain, &qemu, limit));
    }
    if interactive {
        tally.note_and_show(interactive::check(&toolchain, &qemu, backend));
    }
    if one_command {
        tally.note_and_show(one_command::check(&toolchain, &qemu, backend));
    }
    let shim = build::shim(&toolchain)?;
    if !tests.is_empty() {
        let kernels = [
            (CHECKED, build::kernel(&toolchain, "release", backend)?),
            ("plain", build::plain_kernel(&toolchain, backend)?),
        ]
        .map(|(name, elf)| Kernel { name, elf, backend, mte: false, shim: shim.clone() });
        boot_kernels(&tests, &kernels, &toolchain, &qemu, limit, tally)?;
    }
    if !nmi_tests.is_empty() {
        let (backend, shim) = (Backend::Pmr, shim.clone());
        let elf = build::kernel(&toolchain, "release", backend)?;
        let kernel = Kernel { name: CHECKED, elf, backend, mte: false, shim };
        boot_kernels(&nmi_tests, &[kernel], &toolchain, &qemu, limit, tally)?;
    }
    if !tagged_tests.is_empty() {
        let backend = if samples { Backend::Allint } else { backend };
        let mut kernels = vec![Kernel {
            name: CHECKED,
            elf: build::tagged_kernel(&toolchain, "release", backend)?,
            backend,
            mte: true,
            shim: shim.clone(),
        }];
        if options.mte {
            let elf = build::plain_tagged_kernel(&toolchain, backend)?;
            kernels.push(Kernel { name: "plain", elf, backend, mte: true, shim });
        }
        boot_kernels(&tagged_tests, &kernels, &toolchain, &qemu, limit, tally)?;
    }
    match tally.failed - before {
        0 => Ok(()),
        failed => bail!("boot tests failed: {failed}"),
    }
}

fn of_backend(backend: Backend) -> &'static [BootTest] {
    if backend == Backend::Daif { BLIND_TESTS } else { NMI_TESTS }
}

fn boot_kernels(
    tests: &[&BootTest],
    kernels: &[Kernel],
    toolchain: &Toolchain,
    qemu: &Qemu,
    limit: Duration,
    tally: &mut Tally,
) -> Result<()> {
    let mut programs = Programs::new(toolchain, "release")?;
    if tests.iter().any(|test| c_library::is_one(test.program())) {
        programs.add(c_library::programs()?);
    }
    let initrd = Root::of_programs(&programs)?.write("programs")?;
    let pairs = kernels.iter().flat_map(|kernel| tests.iter().map(move |test| (kernel, test)));
    for (kernel, test) in pairs.filter(|(kernel, test)| test.is_for(kernel)) {
        let bench = Bench { kernel, programs: &programs, initrd: &initrd, qemu, limit };
        tally.note_and_show(test.run(&bench).map(drop));
    }
    Ok(())
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

    #[test]
    fn names_boot_tests_apart_and_gives_each_a_program() {
        let all: Vec<_> = [BOOT_TESTS, NMI_TESTS, BLIND_TESTS, NEW_CPU_TESTS, REPORT_TESTS, MTE_TESTS, SHIM_TESTS]
            .into_iter()
            .flatten()
            .collect();
        assert!(all.iter().all(|test| !test.program().is_empty()));
        let mut names: Vec<_> = all.iter().map(|test| test.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
    }
}
