//! `cargo xtask conformance`: the model's CPU held against QEMU's. `vestibule-model/src/bin/qemu-conformance` does it; here
//! are its parts, built.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::qemu::Qemu;
use crate::toolchain::Toolchain;
use crate::{build, process, workspace};

#[derive(clap::Args)]
pub struct Options {
    /// How many random programs
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    programs: u32,
    /// Where random begins: the same seed, the same programs
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

/// Compares, and says how much was compared; an error if anything differs.
pub fn conformance(options: &Options) -> Result<ExitCode> {
    compare(&Toolchain::ready()?, &Qemu::ready()?, options)?;
    Ok(ExitCode::SUCCESS)
}

/// The check among others: as many programs as nobody asked for otherwise.
pub fn check(toolchain: &Toolchain, qemu: &Qemu) -> Result<()> {
    compare(toolchain, qemu, &Options { programs: 10_000, seed: 1 })
}

fn compare(toolchain: &Toolchain, qemu: &Qemu, options: &Options) -> Result<()> {
    let mut command = Command::new("cargo");
    command.current_dir(workspace::root());
    command.args(["run", "--quiet", "--package", "vestibule-model", "--bin", "qemu-conformance", "--"]);
    command.args(["--programs", &options.programs.to_string(), "--seed", &options.seed.to_string()]);
    command.arg("--harness").arg(build::conformance_harness(toolchain)?);
    process::run(command.arg("--").args(words(&qemu.command())))
}

/// A command with its environment as words, so that another program can start it. That program must not have the
/// environment itself: QEMU's libraries are not its.
fn words(command: &Command) -> Vec<OsString> {
    let (removed, set): (Vec<_>, Vec<_>) = command.get_envs().partition(|(_, value)| value.is_none());
    let mut words: Vec<OsString> = vec!["env".into()];
    words.extend(removed.into_iter().flat_map(|(name, _)| ["-u".into(), name.to_owned()]));
    for (name, value) in set {
        let mut assignment = name.to_owned();
        assignment.push("=");
        assignment.push(value.expect("the others are removed"));
        words.push(assignment);
    }
    words.push(command.get_program().to_owned());
    words.extend(command.get_args().map(OsString::from));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_becomes_words() {
        let mut command = Command::new("program");
        command.env_remove("GONE").env("SET", "a b").args(["-x", "y"]);
        assert_eq!(words(&command), ["env", "-u", "GONE", "SET=a b", "program", "-x", "y"]);
    }
}
