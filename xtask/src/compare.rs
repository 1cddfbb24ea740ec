//! `cargo xtask compare`: what Debian's busybox does on our kernel, held byte for byte against what it does on Debian's Linux.
//!
//! What Linux gives is written down in `compare/expected.txt`, so that it need not be booted each time; `--linux` boots it
//! and holds that file against it. Both kernels get the same root file system and run the same script in one boot.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::backend::Backend;
use crate::build::{self, Build};
use crate::busybox::Busybox;
use crate::command_line::{Preempt, Terminal, command_line};
use crate::initrd::Root;
use crate::linux::Linux;
use crate::machine::Machine;
use crate::qemu::Qemu;
use crate::shell_lines::{self, Answer, Line};
use crate::toolchain::Toolchain;
use crate::workspace;

const DRIVER: &str = "/root/driver.sh";

/// A few seconds are enough; an emulated machine on a busy one needs more.
const LIMIT: Duration = Duration::from_secs(240);

#[derive(clap::Args)]
pub struct Options {
    /// How many CPUs the machine has
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=8))]
    cpus: u32,
    /// When our kernel preempts what runs in it
    #[arg(long, value_enum, default_value_t = Preempt::Full)]
    preempt: Preempt,
    /// Only the lines with this in their names
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
    /// Boot Linux in place of our kernel, to see that what is expected is what it gives
    #[arg(long)]
    linux: bool,
    /// Write down what Linux gives as what is expected
    #[arg(long, requires = "linux")]
    write: bool,
}

/// Compares, and prints what differs.
pub fn compare(options: &Options) -> Result<ExitCode> {
    let qemu = Qemu::ready()?;
    let busybox = Busybox::ready()?;
    let lines = lines(&options.name)?;
    let answers = if options.linux {
        let linux = Linux::ready()?;
        let answers = ask_linux(&linux, &qemu, &busybox, &lines, options.cpus)?;
        if options.write {
            return write(&answers, &busybox, &linux);
        }
        answers
    } else {
        let toolchain = Toolchain::ready()?;
        let kernel = build::kernel(&toolchain, "release", Build::checked(Backend::default()))?;
        ask(&kernel, &qemu, &busybox, &lines, options.cpus, &our_command_line(options.preempt))?
    };
    let differences = differences(&answers, &expected()?);
    print!("{differences}");
    println!("{} lines, {} differ", lines.len(), differences.matches("== ").count());
    Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All lines on the kernel in `kernel`, as one check.
pub fn check(kernel: &Path, qemu: &Qemu) -> Result<()> {
    let (lines, busybox, expected) = (lines("")?, Busybox::ready()?, expected()?);
    let answers = ask(kernel, qemu, &busybox, &lines, 2, &our_command_line(Preempt::Full))?;
    let differences = differences(&answers, &expected);
    if !differences.is_empty() {
        bail!("busybox does something else than on Linux:\n{differences}");
    }
    notices_wrong_bytes(kernel, qemu, &busybox, &expected)?;
    println!("{} shell lines give what they give on Linux", lines.len());
    Ok(())
}

/// A kernel whose pipes give one wrong byte at a time does something else.
fn notices_wrong_bytes(kernel: &Path, qemu: &Qemu, busybox: &Busybox, expected: &[Answer]) -> Result<()> {
    let lines = lines("a long pipe")?;
    let command_line = format!("bug=wrong-byte {}", our_command_line(Preempt::Full));
    let answers = ask(kernel, qemu, busybox, &lines, 2, &command_line)?;
    ensure!(!differences(&answers, expected).is_empty(), "a wrong byte is not noticed");
    Ok(())
}

fn our_command_line(preempt: Preempt) -> String {
    command_line(preempt, Terminal::Whole, &["sh", DRIVER])
}

fn folder() -> PathBuf {
    workspace::root().join("xtask/compare")
}

fn read(name: &str) -> Result<String> {
    let path = folder().join(name);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

fn lines(name: &str) -> Result<Vec<Line>> {
    let mut lines = shell_lines::lines(&read("lines.txt")?);
    lines.retain(|line| line.name.contains(name));
    if lines.is_empty() {
        bail!("no line has {name:?} in its name");
    }
    Ok(lines)
}

fn expected() -> Result<Vec<Answer>> {
    shell_lines::answers(&read("expected.txt")?)
}

/// A root file system with busybox, the lines, and what asks them.
fn root(busybox: &Busybox, lines: &[Line]) -> Result<Root> {
    let mut root = Root::new();
    root.add_busybox(busybox)?;
    root.add_file(DRIVER, read("driver.sh")?);
    root.add_folder("/root/lines");
    for (index, line) in lines.iter().enumerate() {
        root.add_file(&format!("/root/lines/{index:03}"), line.script.clone());
    }
    Ok(root)
}

fn ask(
    kernel: &Path,
    qemu: &Qemu,
    busybox: &Busybox,
    lines: &[Line],
    cpus: u32,
    command_line: &str,
) -> Result<Vec<Answer>> {
    let machine = Machine {
        kernel,
        shim: None,
        initrd: &root(busybox, lines)?.write("compare")?,
        program: None,
        command_line,
        cpus,
        cpu: Backend::default().cpu(),
        mte: false,
        limit: Some(LIMIT),
    };
    let boot = machine.boot(qemu)?;
    shell_lines::said(&boot.terminal, lines).with_context(|| format!("{}\nits log:\n{}", boot.end, boot.log))
}

fn ask_linux(linux: &Linux, qemu: &Qemu, busybox: &Busybox, lines: &[Line], cpus: u32) -> Result<Vec<Answer>> {
    let initrd = root(busybox, lines)?.write("compare-linux")?;
    let boot = linux.boot(qemu, &initrd, &["/bin/sh", DRIVER, "linux"], cpus, LIMIT)?;
    shell_lines::said(&boot.terminal, lines).with_context(|| format!("Linux said:\n{}", boot.terminal))
}

fn write(answers: &[Answer], busybox: &Busybox, linux: &Linux) -> Result<ExitCode> {
    let head = format!("# busybox-static {} on Linux {}, both Debian's.\n", busybox.version, linux.version);
    fs::write(folder().join("expected.txt"), head + &shell_lines::write(answers))?;
    println!("{} answers written", answers.len());
    Ok(ExitCode::SUCCESS)
}

/// What is not as expected, line by line.
fn differences(answers: &[Answer], expected: &[Answer]) -> String {
    let mut text = String::new();
    for answer in answers {
        match expected.iter().find(|expected| expected.name == answer.name) {
            Some(expected) if expected == answer => {}
            Some(expected) => {
                let Answer { name, status, output } = answer;
                let _ = write!(text, "== {name}: expected, status {}\n{}", expected.status, expected.output);
                let _ = write!(text, "-- {name}: got, status {status}\n{output}");
            }
            None => {
                let _ = writeln!(text, "== {}: nothing is expected; `--linux --write` writes it down", answer.name);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_an_answer_and_a_name_of_its_own() {
        let (lines, answers) = (lines("").unwrap(), expected().unwrap());
        assert!(lines.len() >= 40, "{} lines", lines.len());
        let names: Vec<_> = lines.iter().map(|line| &line.name).collect();
        assert_eq!(names, answers.iter().map(|answer| &answer.name).collect::<Vec<_>>());
        assert!(names.iter().enumerate().all(|(index, name)| !names[..index].contains(name)));
    }

    #[test]
    fn tells_what_differs() {
        let answer = |status, output: &str| Answer { name: "a".into(), status, output: output.into() };
        assert_eq!(differences(&[answer(0, "|x\n")], &[answer(0, "|x\n")]), "");
        for other in [answer(1, "|x\n"), answer(0, "|y\n")] {
            assert!(differences(&[other], &[answer(0, "|x\n")]).contains("expected, status 0"));
        }
        assert!(differences(&[answer(0, "")], &[]).contains("nothing is expected"));
    }
}
