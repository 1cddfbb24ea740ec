//! `cargo xtask run`: a shell on the kernel, or one program, with its terminal on ours.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::backend::Backend;
use crate::build::{self, Build, Kind, Programs};
use crate::command_line::{Preempt, Terminal, command_line};
use crate::initrd::{self, Root};
use crate::keyboard::Keyboard;
use crate::machine::{Boot, End, Machine};
use crate::qemu::Qemu;
use crate::serial::Show;
use crate::toolchain::Toolchain;

const SHELL: &str = "sh";

/// The exit code when the machine had to be ended, as that of `timeout`.
const HUNG: u8 = 124;
/// When the kernel gave up, so that it is not taken for a program's exit status.
const DIED: u8 = 125;
/// When whoever types ended it, as a shell would say of Ctrl-C.
const QUIT: u8 = 130;

#[derive(clap::Args)]
pub struct Options {
    /// How many CPUs the machine has
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=8))]
    cpus: u32,
    /// When the kernel preempts what runs in it
    #[arg(long, value_enum, default_value_t = Preempt::Full)]
    preempt: Preempt,
    /// What masks interrupts, and whether there are NMIs
    #[arg(long, value_enum, default_value_t)]
    backend: Backend,
    /// Give the machine memory with tags, and build the kernel for it
    #[arg(long)]
    mte: bool,
    /// Start the shim at EL2, and by it the kernel: SErrors can be asked for
    #[arg(long)]
    shim: bool,
    /// An option of the kernel, as mte=kernel or lockup=300; it names all of them when it is given one that it has not. Can be given again
    #[arg(long, value_name = "NAME=VALUE", value_parser = kernel_option)]
    option: Vec<String>,
    /// Run this static arm64 ELF file, or the program of that name in programs/, in place of a shell
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// The ELF file of the kernel, in place of the one built from kernel/
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// End the machine after so many seconds and show what its CPUs did
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Build with few optimisations: sooner compiled
    #[arg(long)]
    dev: bool,
    /// Show the kernel's log on standard error while it runs
    #[arg(long, short)]
    verbose: bool,
    /// The arguments of the shell, or of the program
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// A word of the kernel's command line that is not the end of its own.
fn kernel_option(word: &str) -> Result<String, String> {
    match word.split_once('=') {
        Some((name, _)) if !name.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(word.into()),
        _ => Err("an option of the kernel is a name, =, and a value, without spaces".into()),
    }
}

impl Options {
    fn command_line(&self, terminal: Terminal, words: &[&str]) -> String {
        let own: String = self.option.iter().flat_map(|option| [option, " "]).collect();
        own + &command_line(self.preempt, terminal, words)
    }
}

/// Runs the program; the exit code is the program's.
pub fn run(options: &Options) -> Result<ExitCode> {
    let toolchain = Toolchain::ready()?;
    let qemu = Qemu::ready()?;
    let profile = if options.dev { "dev-kernel" } else { "release" };
    let build = Build { kind: Kind::Checked, backend: options.backend, mte: options.mte };
    let kernel = options.kernel.clone().map_or_else(|| build::kernel(&toolchain, profile, build), Ok)?;
    let shim = options.shim.then(|| build::shim(&toolchain)).transpose()?;
    let programs = Programs::new(&toolchain, profile)?;
    let mut root = Root::with_shell(&programs)?;
    let program = options.program.as_ref().map(|named| program(named, &programs)).transpose()?;
    let name = match &program {
        Some(program) => file_name(program)?,
        None => SHELL,
    };
    if let Some(program) = &program {
        root.add_program(&format!("{}/{name}", initrd::PROGRAMS), program)?;
    }
    let words: Vec<_> = std::iter::once(name).chain(options.arguments.iter().map(String::as_str)).collect();
    let keyboard = Keyboard::ours();
    let terminal = if keyboard == Keyboard::Keys { Terminal::Whole } else { Terminal::Plain };
    let machine = Machine {
        kernel: &kernel,
        shim: shim.as_deref(),
        initrd: &root.write("run")?,
        program: program.as_deref(),
        command_line: &options.command_line(terminal, &words),
        cpus: options.cpus,
        cpu: build.cpu(),
        mte: options.mte,
        limit: options.timeout.map(Duration::from_secs),
    };
    let show = if options.verbose { Show::TerminalAndLog } else { Show::Terminal };
    let boot = machine.boot_on_terminal(&qemu, show, keyboard)?;
    if !options.verbose && needs_log(&boot) {
        eprint!("{}", boot.log);
    }
    Ok(ExitCode::from(exit_code(&boot)))
}

/// Is there something in the kernel's log that a person would want to see?
fn needs_log(boot: &Boot) -> bool {
    !boot.is_regular() && !matches!(boot.end, End::Quit)
}

/// Says what was wrong, if anything was.
fn exit_code(boot: &Boot) -> u8 {
    match &boot.end {
        End::Exited(status) if boot.is_regular() => *status,
        End::Exited(_) => {
            eprintln!("xtask: error: the kernel gave up");
            DIED
        }
        hung @ End::Hung { .. } => {
            eprintln!("xtask: error: {hung}");
            HUNG
        }
        End::Quit => QUIT,
    }
}

/// The file `named`, or the program of that name in programs/.
fn program(named: &Path, programs: &Programs) -> Result<PathBuf> {
    match named.to_str() {
        Some(name) if !named.exists() => Ok(programs.find(name)?.to_owned()),
        _ => Ok(named.to_owned()),
    }
}

fn file_name(program: &Path) -> Result<&str> {
    let name = program.file_name().and_then(|name| name.to_str());
    name.with_context(|| format!("{} has no name that the kernel can be told", program.display()))
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

    #[test]
    fn defaults_to_two_cpus_and_no_limit() {
        let options = parse("").unwrap();
        assert_eq!((options.cpus, options.timeout, options.dev, options.verbose), (2, None, false, false));
    }

    #[test]
    fn refuses_what_it_cannot_do() {
        assert!(parse("--cpus 9").is_err());
        assert!(parse("--preempt sometimes").is_err());
        assert!(parse("argument-before-the-dashes").is_err());
    }

    #[test]
    fn options_of_the_kernel_stand_before_everything_else() {
        let options = parse("--option mte=kernel --option lockup=300").unwrap();
        let line = options.command_line(Terminal::Whole, &["hello"]);
        assert_eq!(line, "mte=kernel lockup=300 preempt=full -- hello");
        assert!(parse("--option --").is_err() && parse("--option =1").is_err() && parse("--option=").is_err());
    }

    #[test]
    fn the_exit_code_is_the_programs_only_if_a_program_ended() {
        let boot = |log: &str, end| Boot { terminal: String::new(), log: log.into(), end };
        let ended = "--- hello\r\n--- exit status 7\r\n";
        assert_eq!(exit_code(&boot(ended, End::Exited(7))), 7);
        assert_eq!(exit_code(&boot("CPU 0: panicked\r\n", End::Exited(1))), DIED);
        assert_eq!(exit_code(&boot(ended, End::Quit)), QUIT);
        assert!(needs_log(&boot("CPU 0: panicked", End::Exited(1))) && !needs_log(&boot(ended, End::Exited(1))));
    }
}
