//! The bare-metal crates: how they are compiled, and where what came out lies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::toolchain::{TARGET, Toolchain};
use crate::{image, process, workspace};

/// Frame pointers, so that a stack can be walked; LSE atomics, because single steps break exclusive loads and stores;
/// fixed addresses, because nothing relocates these programs.
const FLAGS: &str = "-Cforce-frame-pointers=yes -Ctarget-feature=+lse -Crelocation-model=static";

const KERNEL: &str = "kernel";
const PROGRAMS: &str = "programs";

/// What came out of building the kernel and the programs.
pub struct Built {
    executables: Vec<(String, PathBuf)>,
}

impl Built {
    /// Builds the kernel and the programs, in the profile `release` or `dev`.
    pub fn new(toolchain: &Toolchain, profile: &str) -> Result<Self> {
        let mut build = cargo(toolchain, "build");
        build.args(["--profile", profile, "--package", KERNEL, "--package", PROGRAMS]);
        build.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
        let messages = process::output(&mut build)?;
        Ok(Self { executables: messages.lines().filter_map(executable).collect() })
    }

    /// The kernel's ELF file.
    pub fn kernel(&self) -> Result<&Path> {
        self.find(KERNEL).with_context(|| format!("the package {KERNEL} has no executable {KERNEL}"))
    }

    /// The program `name` of `programs/`.
    pub fn program(&self, name: &str) -> Result<&Path> {
        self.find(name).with_context(|| format!("there is no program {name} in {PROGRAMS}/"))
    }

    fn find(&self, name: &str) -> Option<&Path> {
        self.executables.iter().find(|(found, _)| found == name).map(|(_, path)| path.as_path())
    }
}

/// A cargo subcommand that works for [`TARGET`], as everything bare-metal is compiled.
pub fn cargo(toolchain: &Toolchain, subcommand: &str) -> Command {
    let mut cargo = toolchain.cargo();
    cargo.current_dir(workspace::root()).args([subcommand, "--target", TARGET]);
    let variable = format!("CARGO_TARGET_{}_RUSTFLAGS", TARGET.to_uppercase().replace('-', "_"));
    cargo.env(variable, FLAGS);
    // Either of these would hide ours.
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo
}

/// Writes the boot image of the kernel at `elf` beside it and returns its path.
pub fn boot_image(elf: &Path) -> Result<PathBuf> {
    let bytes = fs::read(elf).with_context(|| format!("cannot read the kernel {}", elf.display()))?;
    let flat = image::flatten(&bytes).with_context(|| format!("cannot boot {}", elf.display()))?;
    let path = elf.with_extension("image");
    if fs::read(&path).is_ok_and(|old| old == flat) {
        return Ok(path); // Another machine may be booting from it.
    }
    fs::write(&path, flat).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The name and path of the executable in a line of cargo's messages.
fn executable(message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let path = message.get("executable")?.as_str()?;
    let name = message.get("target")?.get("name")?.as_str()?;
    Some((name.to_owned(), path.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_executables_in_cargos_messages() {
        let kernel =
            r#"{"reason":"compiler-artifact","target":{"name":"kernel"},"executable":"/t/kernel","fresh":true}"#;
        assert_eq!(executable(kernel), Some(("kernel".into(), "/t/kernel".into())));
        let library = r#"{"reason":"compiler-artifact","target":{"name":"vestibule"},"executable":null}"#;
        assert_eq!(executable(library), None);
        assert_eq!(executable("not JSON"), None);
    }
}
