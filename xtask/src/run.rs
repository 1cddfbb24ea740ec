//! `cargo xtask run`: one program on the kernel, with its console on this terminal.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::build::{self, Programs};
use crate::machine::{Console, End, Machine};
use crate::qemu::Qemu;
use crate::toolchain::Toolchain;

const DEFAULT_PROGRAM: &str = "hello";

/// The exit code when the machine had to be ended, as that of `timeout`.
const HUNG: u8 = 124;

#[derive(clap::Args)]
pub struct Options {
    /// How many CPUs the machine has
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=8))]
    cpus: u32,
    /// When the kernel preempts what runs in it
    #[arg(long, value_enum, default_value_t = Preempt::Full)]
    preempt: Preempt,
    /// The ELF file of the program to run, or the name of one in programs/
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PROGRAM)]
    program: PathBuf,
    /// The ELF file of the kernel, in place of the one built from kernel/
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// End the machine after so many seconds and show what its CPUs did
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Build without optimisation
    #[arg(long)]
    dev: bool,
    /// The program's arguments
    #[arg(last = true)]
    arguments: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Preempt {
    /// Never before it sleeps, yields or returns to user mode
    None,
    /// At once, wherever it may be
    Full,
    /// At the first tick after it was asked to give way
    Lazy,
}

/// Runs the program; the exit code is the program's.
pub fn run(options: &Options) -> Result<ExitCode> {
    let toolchain = Toolchain::ready()?;
    let qemu = Qemu::ready()?;
    let profile = if options.dev { "dev" } else { "release" };
    let kernel = options.kernel.clone().map_or_else(|| build::kernel(&toolchain, profile), Ok)?;
    let program = program(&options.program, &toolchain, profile)?;
    let machine = Machine {
        kernel: &kernel,
        program: &program,
        command_line: &command_line(options.preempt, &program, &options.arguments)?,
        cpus: options.cpus,
        limit: options.timeout.map(Duration::from_secs),
    };
    match machine.boot(&qemu, Console::Terminal)?.end {
        End::Exited(status) => Ok(ExitCode::from(status)),
        hung => {
            eprintln!("xtask: error: {hung}");
            Ok(ExitCode::from(HUNG))
        }
    }
}

/// The file `named`, or the program of that name in programs/.
fn program(named: &Path, toolchain: &Toolchain, profile: &str) -> Result<PathBuf> {
    match named.to_str() {
        Some(name) if !named.exists() => Ok(Programs::new(toolchain, profile)?.find(name)?.to_owned()),
        _ => Ok(named.to_owned()),
    }
}

/// The kernel's own options, then `--`, then the program's arguments with its name before them.
fn command_line(preempt: Preempt, program: &Path, arguments: &[String]) -> Result<String> {
    let preempt = preempt.to_possible_value().expect("no preemption model is hidden");
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let mut line = format!("preempt={} --", preempt.get_name());
    for word in std::iter::once(name.as_ref()).chain(arguments.iter().map(String::as_str)) {
        if word.is_empty() || word.contains(|c: char| c.is_whitespace() || c == '"') {
            bail!("{word:?} cannot stand on the kernel's command line, which is split at spaces and has no quotes");
        }
        line.push(' ');
        line.push_str(word);
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn parse(line: &str) -> Result<Options, clap::Error> {
        Line::try_parse_from(std::iter::once("run").chain(line.split_whitespace())).map(|line| line.options)
    }

    fn kernel_line(line: &str) -> Result<String> {
        let options = parse(line)?;
        command_line(options.preempt, &options.program, &options.arguments)
    }

    #[test]
    fn defaults_to_hello_under_full_preemption_on_two_cpus() {
        let options = parse("").unwrap();
        assert_eq!((options.cpus, options.timeout, options.dev), (2, None, false));
        assert_eq!(kernel_line("").unwrap(), "preempt=full -- hello");
    }

    #[test]
    fn passes_arguments_after_the_programs_name() {
        let line = kernel_line("--preempt lazy --program /some/where/echo -- one --two").unwrap();
        assert_eq!(line, "preempt=lazy -- echo one --two");
    }

    #[test]
    fn refuses_what_it_cannot_do() {
        assert!(parse("--cpus 9").is_err());
        assert!(parse("--preempt sometimes").is_err());
        assert!(parse("argument-before-the-dashes").is_err());
        let space = ["two words".to_owned()];
        assert!(command_line(Preempt::Full, Path::new("hello"), &space).is_err());
    }
}
