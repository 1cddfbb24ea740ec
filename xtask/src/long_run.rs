//! `cargo xtask soak` and `cargo xtask fuzz`: programs that run for minutes, on as many CPUs as one likes, with every check of
//! the kernel on.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use crate::backend::Backend;
use crate::build::{self, Build, Programs};
use crate::command_line::{Preempt, Terminal, command_line};
use crate::initrd::Root;
use crate::keyboard::Keyboard;
use crate::machine::{End, Machine};
use crate::qemu::Qemu;
use crate::serial::Show;
use crate::toolchain::Toolchain;

/// How much longer than it was asked to a program may take: for its beginning, its end, and a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

#[derive(clap::Args)]
pub struct Options {
    /// How long
    #[arg(long, value_name = "N", default_value_t = 1)]
    minutes: u64,
    /// How many CPUs the machine has
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=8))]
    cpus: u32,
    /// When the kernel preempts what runs in it
    #[arg(long, value_enum, default_value_t = Preempt::Full)]
    preempt: Preempt,
    /// What masks interrupts, and whether there are NMIs
    #[arg(long, value_enum, default_value_t)]
    backend: Backend,
    /// How many NMIs each CPU gets in a second, besides
    #[arg(long, value_name = "HERTZ", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    nmis: Option<u32>,
}

#[derive(clap::Args)]
pub struct SoakOptions {
    #[command(flatten)]
    options: Options,
    /// Only what has this in its name: forks, timers, …
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
}

#[derive(clap::Args)]
pub struct FuzzOptions {
    #[command(flatten)]
    options: Options,
    /// What the rounds are random after
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// The round to begin with
    #[arg(long, value_name = "ROUND", default_value_t = 0)]
    first: u64,
}

/// Processes that do what processes do, until the time is over: nothing is lost, and nothing is left.
pub fn soak(options: &SoakOptions) -> Result<ExitCode> {
    let seconds = seconds(&options.options);
    let words: Vec<_> = ["soak", &seconds].into_iter().chain(options.only.as_deref()).collect();
    run(&options.options, Terminal::Plain, &words, |_| true)
}

/// System calls with random arguments and signal frames with random changes; the terminal's calls too.
pub fn fuzz(options: &FuzzOptions) -> Result<ExitCode> {
    let (seed, first) = (options.seed.to_string(), options.first.to_string());
    // What becomes of processes is said there, and is as it should be.
    let warns = |line: &str| line.starts_with("rcu: ") || line.starts_with("interrupt ");
    run(&options.options, Terminal::Whole, &["fuzz", &seconds(&options.options), &seed, &first], warns)
}

fn seconds(options: &Options) -> String {
    (options.minutes * 60).to_string()
}

/// Runs it; a line that the kernel says meanwhile and that `warns` is as bad as a wrong end.
fn run(options: &Options, terminal: Terminal, words: &[&str], warns: fn(&str) -> bool) -> Result<ExitCode> {
    let toolchain = Toolchain::ready()?;
    let qemu = Qemu::ready()?;
    let programs = Programs::new(&toolchain, "release")?;
    let nmis = options.nmis.map(|hertz| format!("nmis={hertz} ")).unwrap_or_default();
    let machine = Machine {
        kernel: &build::kernel(&toolchain, "release", Build::checked(options.backend))?,
        shim: None,
        initrd: &Root::of_programs(&programs)?.write("programs")?,
        program: Some(programs.find(words[0])?),
        command_line: &(nmis + &command_line(options.preempt, terminal, words)),
        cpus: options.cpus,
        cpu: options.backend.cpu(),
        mte: false,
        limit: Some(Duration::from_secs(options.minutes * 60) + PATIENCE),
    };
    let boot = machine.boot_on_terminal(&qemu, Show::Terminal, Keyboard::Nobody)?;
    // What the kernel counted is part of the result.
    eprint!("{}", boot.log);
    match &boot.end {
        End::Exited(0) if boot.is_regular() && !boot.said_meanwhile().any(warns) => Ok(ExitCode::SUCCESS),
        End::Exited(0) if boot.is_regular() => {
            eprintln!("xtask: error: the kernel warned");
            Ok(ExitCode::FAILURE)
        }
        end => {
            eprintln!("xtask: error: {end}");
            Ok(ExitCode::FAILURE)
        }
    }
}
