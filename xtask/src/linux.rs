//! Debian's Linux for arm64, booted on the same machine with the same initial RAM disk: what our kernel is held against.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::machine::{self, Boot};
use crate::qemu::Qemu;
use crate::{cache, debian, progress};

/// The smaller of Debian's two; it has all that QEMU's `virt` machine is made of.
const PACKAGE: &str = "linux-image-cloud-arm64";

/// Linux, in the cache.
pub struct Linux {
    image: PathBuf,
    /// The name and version of the package it comes from.
    pub version: String,
}

impl Linux {
    /// Fetches it if it is not there yet.
    pub fn ready() -> Result<Self> {
        let folder = cache::entry("linux-arm64", |folder| {
            let archive = debian::Archive::open_arm64()?;
            let packages = tempfile::tempdir_in(folder)?;
            for package in archive.download(&archive.needs(PACKAGE)?, packages.path())? {
                debian::unpack(&package, &["--wildcards", "--strip-components=2", "./boot/vmlinuz-*"], folder)?;
                let version = debian::version(&package).context("the package's file has no version in its name")?;
                fs::write(folder.join("version"), &version)?;
                progress::say(&format!("unpacked Linux {version}"));
            }
            Ok(())
        })?;
        let image = fs::read_dir(&folder)?.flatten().map(|file| file.path());
        let image = image.into_iter().find(|path| path.to_string_lossy().contains("vmlinuz-"));
        let image = image.with_context(|| format!("{} is not complete: remove it", folder.display()))?;
        Ok(Self { image, version: fs::read_to_string(folder.join("version"))? })
    }

    /// Boots the root file system in `initrd`; `init` is the first process. Returns when the machine is powered off.
    pub fn boot(&self, qemu: &Qemu, initrd: &Path, init: &[&str], cpus: u32, limit: Duration) -> Result<Boot> {
        let mut command: Command = qemu.command();
        command.args(["-M", "virt,gic-version=3", "-cpu", "cortex-a76", "-m", "256M"]);
        command.arg("-smp").arg(cpus.to_string());
        command.args(["-display", "none", "-nic", "none", "-no-reboot", "-serial", "stdio"]);
        command.arg("-kernel").arg(&self.image).arg("-initrd").arg(initrd);
        let (program, arguments) = init.split_first().context("Linux needs a first process")?;
        let line = format!("console=ttyAMA0 quiet panic=-1 rdinit={program} -- {}", arguments.join(" "));
        command.arg("-append").arg(line);
        machine::run_to_end(command, limit)
    }
}
