//! The Rust toolchain that bare-metal crates build with.
//!
//! The current one if it has the target, or can get it from rustup. Where rustup may not download
//! (`RUSTUP_AUTO_INSTALL=0`), Debian's compiler with a standard library built for the target, linked in rustup under a
//! name of its own; nothing else starts to use it.

use std::env;
use std::fmt;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::version::Version;
use crate::{cache, debian, process, progress, standard_library};

/// What the kernel and its programs are built for. Not `aarch64-unknown-none`, whose core library uses floating-point
/// registers before a kernel has enabled them.
pub const TARGET: &str = "aarch64-unknown-none-softfloat";

/// The name under which Debian's toolchain is linked in rustup.
const LINKED: &str = "vestibule";

/// The workspace's `rust-version`.
const OLDEST: Version = Version::new(1, 95, 0);

const PACKAGES: &[&str] =
    &["rustc-web", "libstd-rust-web-dev", "cargo-web", "rust-web-src", "rust-web-clippy", "rustfmt-web", "lld-22"];

/// A toolchain that builds for [`TARGET`].
pub enum Toolchain {
    /// The one this process was started with.
    Current,
    /// The one linked as [`LINKED`].
    Linked,
}

impl Toolchain {
    /// Finds a toolchain that has the target, and sets one up if none has.
    pub fn ready() -> Result<Self> {
        if Self::Current.has_target() {
            return Ok(Self::Current);
        }
        if Self::Linked.has_target() {
            return Ok(Self::Linked);
        }
        if from_rustup() && Self::Current.has_target() {
            return Ok(Self::Current);
        }
        let by_hand =
            format!("no Rust toolchain here has {TARGET}; `rustup target add {TARGET}` adds it, or solve this");
        let folder = from_debian().context(by_hand)?;
        process::run(Command::new("rustup").args(["toolchain", "link", LINKED]).arg(folder.join("usr")))?;
        if !Self::Linked.has_target() {
            bail!("the toolchain in {} is not complete: remove that folder and run this again", folder.display());
        }
        Ok(Self::Linked)
    }

    /// A command that runs this toolchain's cargo.
    pub fn cargo(&self) -> Command {
        self.command("cargo")
    }

    /// A command that runs its compiler.
    pub fn rustc(&self) -> Command {
        self.command("rustc")
    }

    fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(tool);
        if let Self::Linked = self {
            // rustup's proxies obey it; it holds for this one command and no rustup setting changes.
            command.env("RUSTUP_TOOLCHAIN", LINKED);
        }
        command
    }

    fn has_target(&self) -> bool {
        let mut rustc = self.rustc();
        // `rustup target list` does not know linked toolchains.
        let folder = process::output(rustc.args(["--print", "target-libdir", "--target", TARGET]));
        folder.is_ok_and(|folder| holds_core(Path::new(folder.trim())))
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Current => "the current Rust toolchain",
            Self::Linked => "Debian's Rust toolchain in the cache",
        })
    }
}

fn holds_core(folder: &Path) -> bool {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.file_name());
    names.filter_map(|name| name.into_string().ok()).any(|name| name.starts_with("libcore-") && name.ends_with(".rlib"))
}

/// Asks rustup for the target where it may download; false if it may not or could not.
fn from_rustup() -> bool {
    if env::var_os("RUSTUP_AUTO_INSTALL").is_some_and(|allowed| allowed == "0") {
        return false;
    }
    progress::say(&format!("asking rustup for {TARGET}"));
    process::run(Command::new("rustup").args(["target", "add", TARGET]))
        .inspect_err(|error| progress::say(&format!("{error:#}")))
        .is_ok()
}

/// The folder Debian's toolchain is complete in.
fn from_debian() -> Result<PathBuf> {
    process::output(Command::new("rustup").arg("--version")).context("rustup is needed to use a second toolchain")?;
    process::output(Command::new("cc").arg("--version")).context("a C compiler is needed to link host programs")?;
    cache::entry("toolchain-1.95", |folder| {
        unpack(folder)?;
        lay_out_as_toolchain(folder)?;
        standard_library::build(folder, TARGET)
    })
}

fn unpack(folder: &Path) -> Result<()> {
    let archive = debian::Archive::open()?;
    let packages = tempfile::tempdir_in(folder)?;
    let fetched = archive.fetch(PACKAGES, None, packages.path())?;
    let named = |prefix: &str| {
        let mut names = fetched.iter().filter_map(|path| Some((path, path.file_name()?.to_str()?)));
        names.find(|(_, name)| name.starts_with(prefix))
    };
    let (_, compiler) = named("rustc-web_").context("apt fetched no compiler")?;
    let version = compiler.split('_').nth(1).and_then(Version::parse).context("its version is not a number")?;
    if version < OLDEST {
        bail!("Debian offers Rust {version}, {OLDEST} or later is needed (see that its security suite is a source)");
    }
    let _spinner = progress::spinner("unpacking");
    let source = named("rust-web-src_").map(|(path, _)| path);
    for package in &fetched {
        let selection: &[&str] = if Some(package) == source {
            &["--wildcards", "./usr/src/rustc-*/library", "./usr/lib/rustlib/src/rust"]
        } else {
            &["--exclude=./usr/share", "--exclude=./etc"]
        };
        debian::unpack(package, selection, folder)?;
    }
    Ok(())
}

/// Puts links where rustup's proxies and rustc look: libraries into `lib`, the linker beside the host's own tools.
fn lay_out_as_toolchain(folder: &Path) -> Result<()> {
    let architecture = debian::library_folder();
    let lib = folder.join("usr/lib");
    for (place, link) in [(lib.join(&architecture), ""), (folder.join("lib").join(&architecture), "../../lib/")] {
        for file in fs::read_dir(&place).into_iter().flatten() {
            let name = file?.file_name();
            if name.to_string_lossy().contains(".so") && !lib.join(&name).exists() {
                let target = format!("{link}{architecture}/{}", name.to_string_lossy());
                symlink(target, lib.join(&name)).context("cannot link a library into the toolchain")?;
            }
        }
    }
    let tools = lib.join("rustlib").join(host()).join("bin");
    fs::create_dir_all(&tools)?;
    symlink("../../../llvm-22/bin/lld", tools.join("rust-lld")).context("cannot link the linker into the toolchain")?;
    Ok(())
}

/// The host's target triple as rustc names it.
fn host() -> String {
    format!("{}-unknown-linux-gnu", env::consts::ARCH)
}
