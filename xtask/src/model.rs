//! `cargo xtask model`: everything that can arrive, at every step of the shipped code. `vestibule-model` does it; here it is
//! built, and its words are passed on.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::{process, workspace};

#[derive(clap::Args)]
pub struct Options {
    /// What the model is asked; `--help` says what there is
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Known bugs need tokens that the types do not give; the shipped code is explored as kernels compile it. Each has a
/// folder of its own, or they would be each other's end.
const FORGE: (&str, &str) = ("RUSTFLAGS", "--cfg vestibule_forge");
const FORGED: &str = "target/forge";

/// Asks the model, and ends as it does.
pub fn model(options: &Options) -> Result<ExitCode> {
    let mut command = command(&options.arguments);
    let status = process::tied(&mut command).status();
    let status = status.with_context(|| format!("cannot start {}", process::describe(&command)))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The check among others: the shipped code holds in every family.
pub fn check_shipped() -> Result<()> {
    process::run(&mut command(&[]))
}

/// The corpus's own tests, which exist only where there are known bugs: each is rejected, what they are made of breaks nothing by
/// itself, on what verdicts depend, what came of the thread's alternatives.
pub fn corpus_tests() -> Command {
    let mut command = Command::new("cargo");
    command.args(["test", "--profile", "model", "--package", "vestibule-model", "--lib"]);
    forge(&mut command);
    command.args(["--", "corpus::tests::"]).current_dir(workspace::root());
    command
}

fn command(arguments: &[OsString]) -> Command {
    let mut command = Command::new("cargo");
    // Files that are named are here, not in the workspace's root.
    command.args(["run", "--profile", "model", "--package", "vestibule-model", "--bin", "vestibule-model"]);
    command.arg("--manifest-path").arg(workspace::root().join("Cargo.toml"));
    if asks_for_variants(arguments) {
        forge(&mut command);
    }
    command.arg("--").args(arguments);
    command
}

fn forge(command: &mut Command) {
    command.arg("--target-dir").arg(workspace::root().join(FORGED)).env(FORGE.0, FORGE.1);
}

/// A token may be a variant's.
fn asks_for_variants(arguments: &[OsString]) -> bool {
    let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
    let names = |word: &str| word.split('=').next().is_some_and(|name| VARIANTS.contains(&name));
    words.first().is_some_and(|word| word == "replay") || words.iter().any(|word| names(word))
}

const VARIANTS: [&str; 3] = ["--variant", "--all-variants", "--alternatives"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_variants_is_built_with_them() {
        let forged = |line: &str| asks_for_variants(&line.split_whitespace().map(Into::into).collect::<Vec<_>>());
        for line in ["replay ABC", "--variant x", "--variant=x", "--family kernel --all-variants", "--alternatives"] {
            assert!(forged(line), "{line}");
        }
        for line in ["", "--family kernel", "merge replay", "--events 2 --no-hash"] {
            assert!(!forged(line), "{line}");
        }
    }
}
