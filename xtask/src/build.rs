//! The bare-metal crates: how they are compiled, and where what came out lies.

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::backend::Backend;
use crate::toolchain::{TARGET, Toolchain};
use crate::{image, process, workspace};

/// Frame pointers, so that a stack can be walked; LSE atomics, because single steps break exclusive loads and stores;
/// fixed addresses, because nothing relocates these programs.
const FLAGS: &str = "-Cforce-frame-pointers=yes -Ctarget-feature=+lse -Crelocation-model=static";

const KERNEL: &str = "kernel";
/// What makes a kernel the plain one.
pub const WITHOUT_CHECKS: &str = "--no-default-features";
const PLAIN_FOLDER: &str = "target/plain";
/// The kernel without interrupt-state tracking and checks. Both kernels at one path would be each other's end.
const PLAIN: [&str; 3] = [WITHOUT_CHECKS, "--target-dir", PLAIN_FOLDER];
/// The same of kernels with features: what is compiled is shared, what comes out is not.
const BUILD_FOLDER: &str = "CARGO_BUILD_BUILD_DIR";

const PROGRAMS: &str = "programs";
const MINIMAL_KERNEL: &str = "minimal-kernel";
const CONFORMANCE: &str = "conformance";
const SHIM: &str = "shim";

/// A build of the kernel.
#[derive(Clone, Copy)]
pub struct Build {
    pub kind: Kind,
    pub backend: Backend,
    /// Whether it is for memory with tags, and the machine has such.
    pub mte: bool,
}

/// The two kernels that are built of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// With interrupt-state tracking, and every check.
    Checked,
    /// With neither: the one that is measured.
    Plain,
}

impl Build {
    /// Without tags.
    pub fn checked(backend: Backend) -> Self {
        Self { kind: Kind::Checked, backend, mte: false }
    }

    /// Without tags.
    pub fn plain(backend: Backend) -> Self {
        Self { kind: Kind::Plain, backend, mte: false }
    }

    /// QEMU's CPU for it: the only one with tags is its `max`, too.
    pub fn cpu(self) -> &'static str {
        if self.mte { "max" } else { self.backend.cpu() }
    }

    /// Those of the package that the usual kernel has not.
    fn features(self) -> Vec<&'static str> {
        let backend = (self.backend != Backend::Daif).then(|| self.backend.name());
        self.mte.then_some("mte").into_iter().chain(backend).collect()
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tags = if self.mte { " with tags" } else { "" };
        write!(f, "{} kernel{}{tags}", self.kind, self.backend.named())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Checked => "checked",
            Self::Plain => "plain",
        })
    }
}

/// Builds that kernel in the profile `release` or `dev-kernel` and returns its ELF file.
pub fn kernel(toolchain: &Toolchain, profile: &str, build: Build) -> Result<PathBuf> {
    let features = build.features();
    if features.is_empty() {
        let options: &[&str] = if build.kind == Kind::Plain { &PLAIN } else { &[] };
        return single(toolchain, KERNEL, profile, options);
    }
    let checks: &[&str] = if build.kind == Kind::Plain { &[WITHOUT_CHECKS] } else { &[] };
    // Either folder has all; what is built in one need not wait for what is built in the other.
    let shared = if build.kind == Kind::Plain || build.mte { PLAIN_FOLDER } else { "target" };
    let (folder, features) = (format!("target/{}-{}", features.join("-"), build.kind), features.join(","));
    let options = [&["--target-dir", &folder, "--features", &features], checks].concat();
    named(executables(toolchain, KERNEL, profile, &options, Some(&workspace::root().join(shared)))?, KERNEL)
}

/// Builds the release kernel of `examples/minimal-kernel` and returns its ELF file.
pub fn minimal_kernel(toolchain: &Toolchain) -> Result<PathBuf> {
    single(toolchain, MINIMAL_KERNEL, "release", &[])
}

/// Builds the harness that runs programs for the conformance check and returns its ELF file.
pub fn conformance_harness(toolchain: &Toolchain) -> Result<PathBuf> {
    single(toolchain, CONFORMANCE, "release", &[])
}

/// Builds the release shim, which stands at EL2 in front of a kernel, and returns its ELF file.
pub fn shim(toolchain: &Toolchain) -> Result<PathBuf> {
    single(toolchain, SHIM, "release", &[])
}

/// Builds that release kernel and returns the contents of its ELF file.
pub fn kernel_elf(toolchain: &Toolchain, build: Build) -> Result<Vec<u8>> {
    let path = kernel(toolchain, "release", build)?;
    fs::read(&path).with_context(|| format!("cannot read the kernel {}", path.display()))
}

/// The executable that is named as its package.
fn single(toolchain: &Toolchain, package: &str, profile: &str, options: &[&str]) -> Result<PathBuf> {
    named(executables(toolchain, package, profile, options, None)?, package)
}

fn named(executables: Vec<(String, PathBuf)>, package: &str) -> Result<PathBuf> {
    let found = executables.into_iter().find(|(name, _)| name == package);
    found.map(|(_, path)| path).with_context(|| format!("the package {package} has no executable {package}"))
}

/// The programs of `programs/`, built.
pub struct Programs {
    executables: Vec<(String, PathBuf)>,
}

impl Programs {
    /// Builds them in the profile `release` or `dev-kernel`.
    pub fn new(toolchain: &Toolchain, profile: &str) -> Result<Self> {
        Ok(Self { executables: executables(toolchain, PROGRAMS, profile, &[], None)? })
    }

    /// Adds programs that were built elsewhere.
    pub fn add(&mut self, more: Vec<(String, PathBuf)>) {
        self.executables.extend(more);
    }

    /// Each with its name and its ELF file.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.executables.iter().map(|(name, path)| (name.as_str(), path.as_path()))
    }

    /// The ELF file of the program `name`.
    pub fn find(&self, name: &str) -> Result<&Path> {
        let found = self.executables.iter().find(|(program, _)| program == name);
        found.map(|(_, path)| path.as_path()).with_context(|| format!("there is no program {name} in {PROGRAMS}/"))
    }
}

/// The names and paths of the executables that `package` has.
fn executables(
    toolchain: &Toolchain,
    package: &str,
    profile: &str,
    options: &[&str],
    build_folder: Option<&Path>,
) -> Result<Vec<(String, PathBuf)>> {
    let mut build = cargo(toolchain, "build");
    if let Some(folder) = build_folder {
        build.env(BUILD_FOLDER, folder);
    }
    build.args(["--profile", profile, "--package", package, "--message-format=json-render-diagnostics"]).args(options);
    let messages = process::output(build.stderr(Stdio::inherit()))?;
    Ok(messages.lines().filter_map(executable).collect())
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

/// A compiler that works for [`TARGET`] with the same flags.
pub fn rustc(toolchain: &Toolchain) -> Command {
    let mut rustc = toolchain.rustc();
    rustc.current_dir(workspace::root()).args(["--target", TARGET]).args(FLAGS.split(' '));
    rustc
}

/// Writes the boot image of the kernel at `elf` beside it and returns its path.
pub fn boot_image(elf: &Path) -> Result<PathBuf> {
    let bytes = fs::read(elf).with_context(|| format!("cannot read the kernel {}", elf.display()))?;
    let flat = image::flatten(&bytes).with_context(|| format!("cannot boot {}", elf.display()))?;
    let path = elf.with_extension("image");
    if fs::read(&path).is_ok_and(|old| old == flat) {
        return Ok(path);
    }
    write_whole(&path, &flat).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Another machine may be booting from what was there, or be about to write the same.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = NamedTempFile::new_in(path.parent().context("a file is in a folder")?)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
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
