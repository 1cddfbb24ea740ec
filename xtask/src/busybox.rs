//! Debian's `busybox-static` for arm64: a shell and the commands around it in one static program, unmodified.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::{cache, debian, progress};

const PACKAGE: &str = "busybox-static";

/// The program, in the cache.
pub struct Busybox {
    /// Its ELF file.
    pub file: PathBuf,
    /// The version of the package it comes from.
    pub version: String,
    /// The names under which it does something.
    pub applets: Vec<String>,
}

impl Busybox {
    /// Fetches it if it is not there yet.
    pub fn ready() -> Result<Self> {
        let folder = cache::entry("busybox-arm64", |folder| {
            let archive = debian::Archive::open_arm64()?;
            let packages = tempfile::tempdir_in(folder)?;
            for package in archive.download(&[PACKAGE.into()], packages.path())? {
                debian::unpack(&package, &["./bin/busybox"], folder)?;
                let version = debian::version(&package).context("the package's file has no version in its name")?;
                fs::write(folder.join("version"), &version)?;
                progress::say(&format!("unpacked {PACKAGE} {version}"));
            }
            Ok(())
        })?;
        let file = folder.join("bin/busybox");
        let bytes = fs::read(&file).with_context(|| format!("{} is not complete: remove it", folder.display()))?;
        Ok(Self { file, version: fs::read_to_string(folder.join("version"))?, applets: applets(&bytes)? })
    }
}

/// The names that stand in the program itself: strings one after the other, with an empty one at the end.
fn applets(program: &[u8]) -> Result<Vec<String>> {
    const FIRST: &[u8] = b"[\0[[\0";
    let start = program.windows(FIRST.len()).position(|window| window == FIRST).context("busybox has no applets")?;
    let strings = program[start..].split(|&byte| byte == 0).take_while(|name| !name.is_empty());
    let names: Result<Vec<_>, _> = strings.map(|name| String::from_utf8(name.to_vec())).collect();
    let names = names.context("an applet of busybox has no name")?;
    if !names.iter().any(|name| name == "sh") {
        bail!("busybox has no shell");
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_applets_in_the_program() {
        assert_eq!(applets(b"\x7fELF[\0x\0[\0[[\0ls\0sh\0\0zz\0").unwrap(), ["[", "[[", "ls", "sh"]);
        assert!(applets(b"\x7fELF[\0[[\0ls\0\0sh\0").is_err());
        assert!(applets(b"\x7fELF").is_err());
    }
}
