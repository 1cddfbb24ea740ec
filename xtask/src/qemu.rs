//! QEMU for arm64, new enough: the one on the `PATH`, else Debian's, unpacked in the cache.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::version::Version;
use crate::{cache, debian, process, progress};

const PROGRAM: &str = "qemu-system-aarch64";

/// The first with register reads in its plugin interface; older ones also miss alignment faults that hardware raises.
const OLDEST: Version = Version::new(10, 0, 0);

/// `qemu-system-aarch64`, present and at least [`OLDEST`].
pub struct Qemu {
    place: Place,
    version: Version,
}

enum Place {
    OnPath,
    Unpacked(PathBuf),
}

impl Qemu {
    /// Finds QEMU, and fetches it if this machine has none that is new enough.
    pub fn ready() -> Result<Self> {
        let on_path = Self::at(Place::OnPath);
        if let Ok(qemu) = &on_path
            && qemu.version >= OLDEST
        {
            return on_path;
        }
        Self::from_debian().with_context(|| {
            let found = on_path.map_or("none is on the PATH".into(), |qemu| format!("{} is on the PATH", qemu.version));
            format!("{PROGRAM} {OLDEST} or later is needed and {found}; install one, or solve this")
        })
    }

    /// A command that starts it, with what it needs to find its own files.
    pub fn command(&self) -> Command {
        self.place.command()
    }

    fn from_debian() -> Result<Self> {
        let folder = cache::entry("qemu-10", |folder| {
            let archive = debian::Archive::open()?;
            let packages = tempfile::tempdir_in(folder)?;
            let backports = archive.backports();
            for package in archive.fetch(&["qemu-system-arm", "ipxe-qemu"], Some(&backports), packages.path())? {
                debian::unpack(&package, &["--exclude=./usr/share/doc", "--exclude=./usr/share/man"], folder)?;
            }
            let qemu = Self::at(Place::Unpacked(folder.to_owned()))?;
            if qemu.version < OLDEST {
                bail!("Debian's is {}", qemu.version);
            }
            progress::say(&format!("unpacked {qemu}"));
            Ok(())
        })?;
        Self::at(Place::Unpacked(folder))
    }

    fn at(place: Place) -> Result<Self> {
        let banner = process::output(place.command().arg("--version"))?;
        let version = Version::parse_qemu(&banner).with_context(|| format!("no version in {banner:?}"))?;
        Ok(Self { place, version })
    }
}

impl Place {
    fn command(&self) -> Command {
        match self {
            Self::OnPath => {
                let mut command = Command::new(PROGRAM);
                // cargo puts the Rust toolchain's libraries there, which are not QEMU's.
                command.env_remove("LD_LIBRARY_PATH");
                command
            }
            Self::Unpacked(folder) => unpacked_command(folder),
        }
    }
}

fn unpacked_command(folder: &Path) -> Command {
    let architecture = debian::library_folder();
    let libraries = [folder.join("usr/lib").join(&architecture), folder.join("lib").join(&architecture)];
    let mut command = Command::new(folder.join("usr/bin").join(PROGRAM));
    command.env("LD_LIBRARY_PATH", std::env::join_paths(&libraries).expect("the cache refuses folders with a colon"));
    command.env("QEMU_MODULE_DIR", libraries[0].join("qemu"));
    for data in ["usr/share/qemu", "usr/lib/ipxe/qemu"] {
        command.arg("-L").arg(folder.join(data));
    }
    command
}

impl fmt::Display for Qemu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PROGRAM} {}", self.version)
    }
}
