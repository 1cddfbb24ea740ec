//! `cargo xtask matrix`: every boot test of programs, in every cell: backends, tags in memory, preemption, CPUs. And what interrupted
//! what in all of them together.

mod results;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::ValueEnum;

use results::{CellResult, Fingerprint};

use crate::backend::Backend;
use crate::boot_test::{Bench, BootTest, Kernel, On};
use crate::build::{Build, Kind, Programs};
use crate::entries::Entries;
use crate::machine::Boot;
use crate::progress::say;
use crate::qemu::Qemu;
use crate::toolchain::Toolchain;
use crate::{c_library, side_by_side, suites};

const PREEMPTION: [&str; 3] = ["none", "full", "lazy"];
const CPUS: [u32; 2] = [1, 4];

#[derive(clap::Args)]
pub struct Options {
    /// Only cells with this in their names: `pmr`, `with tags`, `lazy`, `CPUs: 4`
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Only tests with this in their names
    #[arg(long, value_name = "NAME")]
    boot: Option<String>,
    /// Leave out cells that passed before, with the same kernel and programs
    #[arg(long)]
    resume: bool,
    /// How many seconds a boot may take
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u64,
}

/// One kernel, and how it is booted.
struct Cell {
    build: Build,
    preempt: &'static str,
    cpus: u32,
}

impl Cell {
    fn all() -> impl Iterator<Item = Cell> {
        let build = |backend| [false, true].map(|mte| Build { kind: Kind::Checked, backend, mte });
        Backend::value_variants().iter().copied().flat_map(build).flat_map(|build| {
            let boots = PREEMPTION.iter().flat_map(|&preempt| CPUS.map(|cpus| (preempt, cpus)));
            boots.map(move |(preempt, cpus)| Cell { build, preempt, cpus })
        })
    }

    fn name(&self) -> String {
        let tags = if self.build.mte { "with tags" } else { "without tags" };
        format!("{}, {tags}, preempt={}, CPUs: {}", self.build.backend, self.preempt, self.cpus)
    }

    /// The tests that this cell boots.
    fn tests(&self) -> impl Iterator<Item = (On, &'static BootTest)> {
        // One and the same program is there with several numbers of CPUs and several preemption models.
        let mut programs = BTreeSet::new();
        let new = move |(on, test): &(On, &BootTest)| programs.insert((*on, test.arguments()));
        suites::tests_of(self.build).filter(|(_, test)| self.can(test)).filter(new)
    }

    fn can(&self, test: &BootTest) -> bool {
        // These are about how they are booted.
        const OF_ONE_CELL: [&str; 3] = ["kernel-hog", "rcu stall", "nmis profile"];
        // These are about what another CPU does meanwhile, or that a CPU with somebody else on it can be taken; or they are long,
        // and one CPU brings nothing new.
        const OF_SEVERAL_CPUS: [&str; 6] =
            ["faulting-copy", "nmis backtrace", "nmis crash", "nmis stuck", "soak", "fuzz"];
        // Preemption brings nothing new in these, which are long; or it is what the last is about.
        const OF_FULL_PREEMPTION: [&str; 3] = ["c-library-glibc", "c-library-musl", "faulting-copy"];
        let begins = |programs: &[&str]| programs.iter().any(|program| test.arguments().starts_with(program));
        let counts_cpus = test.lines.iter().any(|line| line.starts_with("CPUs: "));
        test.options().all(|option| option.contains('='))
            && !test.plants()
            && !begins(&OF_ONE_CELL)
            && (self.cpus == test.cpus || !counts_cpus)
            && (self.cpus > 1 || !begins(&OF_SEVERAL_CPUS))
            && (self.preempt == "full" || !begins(&OF_FULL_PREEMPTION))
    }

    fn boot(&self, test: &BootTest, on: On, kernel: &Kernel, bench: &Bench) -> Result<Boot> {
        let options = test.options().filter(|option| !option.starts_with("preempt="));
        let options: String = options.flat_map(|option| [option, " "]).collect();
        let command_line = format!("preempt={} {options}-- {}", self.preempt, test.arguments());
        test.run_as(on, kernel, bench, &command_line, self.cpus)
    }
}

/// Boots all of it, also after something has failed.
pub fn matrix(options: &Options) -> Result<ExitCode> {
    let (toolchain, qemu) = (Toolchain::ready()?, Qemu::ready()?);
    let mut programs = Programs::new(&toolchain, "release")?;
    programs.add(c_library::programs()?);
    let bench = Bench::new(&toolchain, programs, &qemu, Duration::from_secs(options.timeout))?;
    let mut sum = Sum::default();
    for cell in Cell::all().filter(|cell| named(&cell.name(), &options.only)) {
        let kernel = Kernel::of(cell.build, &toolchain)?;
        let fingerprint = Fingerprint::of([kernel.elf(), bench.initrd()])?;
        let before = if options.resume { CellResult::read(&cell.name(), fingerprint)? } else { None };
        let result = match before {
            Some(result) => result,
            None => run(&cell, &kernel, &bench, options, fingerprint)?,
        };
        sum.add(&cell, &result)?;
    }
    sum.end(options.only.is_none() && options.boot.is_none())
}

/// Boots the tests of one cell, and keeps what came of it if they were all there are.
fn run(cell: &Cell, kernel: &Kernel, bench: &Bench, options: &Options, fingerprint: Fingerprint) -> Result<CellResult> {
    say(&cell.name());
    let started = Instant::now();
    let mut result = CellResult::default();
    let tests = cell.tests().filter(|(_, test)| named(test.name, &options.boot)).collect();
    let boot = |(on, test): (On, &'static BootTest)| (test.name, cell.boot(test, on, kernel, bench));
    side_by_side::each(tests, boot, |(name, boot)| result.note(name, boot));
    println!("{}: {result} ({:.0} s)", cell.name(), started.elapsed().as_secs_f32());
    if options.boot.is_none() {
        result.write(&cell.name(), fingerprint)?;
    }
    Ok(result)
}

fn named(name: &str, wanted: &Option<String>) -> bool {
    wanted.as_ref().is_none_or(|wanted| name.contains(wanted.as_str()))
}

/// What came of all of it.
#[derive(Default)]
struct Sum {
    passed: usize,
    failed: Vec<String>,
    /// By backend.
    entries: BTreeMap<&'static str, Entries>,
}

impl Sum {
    fn add(&mut self, cell: &Cell, result: &CellResult) -> Result<()> {
        self.passed += result.passed;
        self.failed.extend(result.failed.iter().map(|test| format!("{}: {test}", cell.name())));
        self.entries.entry(cell.build.backend.name()).or_default().add(&result.table())
    }

    /// Prints it. Only of the whole it can be asked that everything was interrupted.
    fn end(&self, whole: bool) -> Result<ExitCode> {
        if self.passed + self.failed.len() == 0 {
            bail!("no cell and no test has such a name");
        }
        let mut missing = 0;
        for (backend, entries) in &self.entries {
            println!("\nentries by class and by what they interrupted, {backend}\n{entries}");
            let never = entries.missing(*backend != Backend::Daif.name());
            missing += never.len();
            never.iter().for_each(|(class, state)| println!("never: {class} of {state}"));
        }
        self.failed.iter().for_each(|failed| println!("failed: {failed}"));
        println!("{} passed, {} failed, {missing} never interrupted", self.passed, self.failed.len());
        Ok(if self.failed.is_empty() && (missing == 0 || !whole) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
