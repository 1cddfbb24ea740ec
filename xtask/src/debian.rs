//! Debian packages, fetched and unpacked into a folder: no root, nothing installed, the system's files only read.
//!
//! apt does the work with lists and caches of its own in the user's cache folder. Its sources are the system's own
//! mirrors plus backports, its signatures are checked against the system's archive keys.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{cache, process, progress};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The folder libraries of this machine's architecture lie in: `usr/lib/<this>`.
pub fn library_folder() -> String {
    format!("{}-linux-gnu", std::env::consts::ARCH)
}

/// Debian's package archive as this machine's apt may reach it.
pub struct Archive {
    /// apt's lists and caches, apart from the system's.
    state: PathBuf,
    /// The release that packages are taken from.
    codename: String,
    /// What else apt is told.
    options: &'static [&'static str],
}

/// The release that the packages of the machine in QEMU come from, so that they are the same everywhere.
const ARM64_RELEASE: &str = "bookworm";

/// Packages for that machine, whatever is installed on this one.
const ARM64: &[&str] = &["APT::Architecture=arm64", "APT::Architectures=arm64", "Dir::State::status=/dev/null"];

impl Archive {
    /// Opens the archive with fresh package lists; fails on what is not Debian.
    pub fn open() -> Result<Self> {
        let codename = this_release()?;
        Self::update(Self { state: cache::folder()?.join("apt"), codename, options: &[] })
    }

    /// Opens the archive of arm64 packages, to [`download`](Self::download).
    pub fn open_arm64() -> Result<Self> {
        let codename = ARM64_RELEASE.into();
        Self::update(Self { state: cache::folder()?.join("apt-arm64"), codename, options: ARM64 })
    }

    fn update(archive: Self) -> Result<Self> {
        archive.write_sources()?;
        let _spinner = progress::spinner("fetching Debian's package lists");
        process::output(archive.apt("apt-get").args(["-q", "update"]))?;
        Ok(archive)
    }

    /// The suite of newer packages for this release, to name in [`Archive::fetch`].
    pub fn backports(&self) -> String {
        format!("{}-backports", self.codename)
    }

    /// Fetches `packages`, and all they need that is not installed here, as `.deb` files into the empty `folder`;
    /// returns them. Takes each from `suite` where that has it, if one is named.
    pub fn fetch(&self, packages: &[&str], suite: Option<&str>, folder: &Path) -> Result<Vec<PathBuf>> {
        self.download(&self.closure(packages, suite)?, folder)
    }

    /// The packages that `package` names as those it needs.
    pub fn needs(&self, package: &str) -> Result<Vec<String>> {
        let said = process::output(self.apt("apt-cache").args(["depends", package]))?;
        Ok(said.lines().filter_map(|line| line.trim().strip_prefix("Depends: ")).map(str::to_owned).collect())
    }

    /// Fetches exactly these packages as `.deb` files into the empty `folder`; returns them.
    pub fn download(&self, packages: &[String], folder: &Path) -> Result<Vec<PathBuf>> {
        let uris = process::output(self.apt("apt-get").args(["download", "--print-uris"]).args(packages))?;
        self.download_files(packages, total_size(&uris), folder)?;
        fs::read_dir(folder)?.map(|file| Ok(file?.path())).collect()
    }

    /// `packages` and what they need beyond what is installed, as apt itself works it out. A simulated installation
    /// needs no root and does not mind what a real one would conflict with.
    fn closure(&self, packages: &[&str], suite: Option<&str>) -> Result<Vec<String>> {
        let mut simulate = self.apt("apt-get");
        simulate.args(["-s", "-o", "Debug::NoLocking=1", "--no-install-recommends"]);
        simulate.args(suite.iter().flat_map(|suite| ["-t", suite]));
        let planned = process::output(simulate.arg("install").args(packages)).with_context(|| {
            format!("Debian {} does not offer {} to this machine", self.codename, packages.join(", "))
        })?;
        let mut wanted: Vec<_> = planned.lines().filter_map(planned_package).collect();
        for name in packages {
            if !wanted.iter().any(|package| package.starts_with(&format!("{name}="))) {
                wanted.push((*name).to_owned()); // It is installed, so apt plans nothing for it.
            }
        }
        Ok(wanted)
    }

    fn download_files(&self, wanted: &[String], total: u64, folder: &Path) -> Result<()> {
        let bar = progress::download(&format!("fetching {} Debian packages", wanted.len()), total);
        let mut download = self.apt("apt-get");
        download.arg("-q").arg("download").args(wanted).current_dir(folder);
        let mut child = download.stdin(Stdio::null()).stdout(Stdio::null()).spawn().context("cannot start apt-get")?;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            bar.set_position(size_of(folder));
            thread::sleep(Duration::from_millis(100));
        };
        bar.finish_and_clear();
        if !status.success() {
            bail!("apt-get could not download: {status} (its reason stands above; once it is solved, run this again)");
        }
        Ok(())
    }

    /// An apt command that works in our own state and nowhere else.
    fn apt(&self, program: &str) -> Command {
        let state = self.state.display();
        let mut command = Command::new(program);
        for option in [
            format!("Dir::Etc::sourcelist={state}/sources.list"),
            "Dir::Etc::sourceparts=-".into(),
            format!("Dir::State::lists={state}/lists"),
            format!("Dir::Cache={state}/cache"),
            // As root apt would fetch as a user who may not see our folder.
            "APT::Sandbox::User=root".into(),
            "Acquire::Languages=none".into(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".into(),
        ] {
            command.args(["-o", &option]);
        }
        command.args(self.options.iter().flat_map(|option| ["-o", option]));
        command.env("LC_ALL", "C");
        command
    }

    fn write_sources(&self) -> Result<()> {
        for folder in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(self.state.join(folder))?;
        }
        let system = process::output(Command::new("apt-get").args(["update", "--print-uris"]))
            .context("cannot ask apt for this machine's package sources")?;
        let here = this_release()?;
        let sources = sources(&system, &here).replace(&here, &self.codename);
        if sources.is_empty() {
            bail!("apt has no source for Debian {here} on this machine");
        }
        fs::write(self.state.join("sources.list"), sources)?;
        Ok(())
    }
}

/// Unpacks those files of a package that `selection` (patterns and options of `tar`) chooses into `folder`.
pub fn unpack(package: &Path, selection: &[&str], folder: &Path) -> Result<()> {
    let context = || format!("cannot unpack {}", package.display());
    let mut reader = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(package)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(context)?;
    let files = reader.stdout.take().expect("its output is piped");
    let mut tar = Command::new("tar");
    tar.args(["-x", "--no-same-owner", "-C"]).arg(folder).args(selection).stdin(files);
    let written = process::run(&mut tar);
    // tar may stop reading early, which the package's reader then reports as a failure of its own.
    reader.wait()?;
    written.with_context(context)
}

/// The version in the name of a package's file, as Debian writes it elsewhere.
pub fn version(package: &Path) -> Option<String> {
    let version = package.file_name()?.to_str()?.split('_').nth(1)?;
    Some(version.replace("%3a", ":"))
}

/// The code name of this machine's Debian release.
fn this_release() -> Result<String> {
    codename(&fs::read_to_string("/etc/os-release").unwrap_or_default())
        .context("this is not Debian, whose packages would do in place of what is missing")
}

/// The code name of the Debian release that `/etc/os-release` describes.
fn codename(os_release: &str) -> Option<String> {
    let field = |name| {
        let value = os_release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.trim_matches('"').to_owned())
    };
    (field("ID")? == "debian").then(|| field("VERSION_CODENAME"))?
}

/// Sources for the mirrors in `uris` (what `apt-get update --print-uris` prints) that serve this release, and its
/// backports from the same mirror as the release itself.
fn sources(uris: &str, codename: &str) -> String {
    let mut sources = String::new();
    for line in uris.lines() {
        let Some((mirror, suite)) = release_file(line) else { continue };
        let mut add = |suite: &str| {
            let signed = if Path::new(KEYRING).exists() { format!("[signed-by={KEYRING}] ") } else { String::new() };
            let source = format!("deb {signed}{mirror} {suite} main\n");
            if !sources.contains(&source) {
                sources.push_str(&source);
            }
        };
        if suite == codename {
            add(suite);
            add(&format!("{codename}-backports"));
        } else if suite.strip_prefix(codename).is_some_and(|rest| rest.starts_with(['-', '/'])) {
            add(suite);
        }
    }
    sources
}

/// The mirror and the suite in a line that names a suite's `InRelease` file.
fn release_file(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix('\'')?.split_once("/InRelease'")?.0.rsplit_once("/dists/")
}

/// `name=version` from a line of a simulated installation: `Inst name [installed] (version suite [architecture])`.
fn planned_package(line: &str) -> Option<String> {
    let (name, rest) = line.strip_prefix("Inst ")?.split_once(' ')?;
    let (_, rest) = rest.split_once('(')?;
    let (version, _) = rest.split_once(' ')?;
    Some(format!("{name}={version}"))
}

/// The sum of the sizes in what `apt-get download --print-uris` prints: `'uri' file size hash` in each line.
fn total_size(uris: &str) -> u64 {
    uris.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<u64>().ok()).sum()
}

fn size_of(folder: &Path) -> u64 {
    let sizes = fs::read_dir(folder).into_iter().flatten().flatten().flat_map(|file| file.metadata());
    sizes.map(|metadata| metadata.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_debian_and_nothing_else() {
        let debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        assert_eq!(codename(debian).as_deref(), Some("bookworm"));
        assert_eq!(codename("ID=\"ubuntu\"\nVERSION_CODENAME=noble\nID_LIKE=debian\n"), None);
        assert_eq!(codename(""), None);
    }

    #[test]
    fn takes_the_mirrors_of_this_release_only() {
        let uris = "'http://mirror/debian/dists/bookworm/InRelease' mirror_debian_dists_bookworm_InRelease 0 \n\
                    'http://mirror/security/dists/bookworm-security/InRelease' x 0 \n\
                    'http://mirror/debian/dists/bookworm/main/binary-amd64/Packages.xz' x 0 \n\
                    'http://other/apt/dists/cloud-bookworm/InRelease' x 0 \n\
                    'http://other/apt/dists/bookwormish/InRelease' x 0 \n";
        let sources = sources(uris, "bookworm");
        let suites: Vec<_> =
            sources.lines().map(|line| line.rsplitn(4, ' ').collect::<Vec<_>>()[..3].join(" ")).collect();
        assert_eq!(
            suites,
            [
                "main bookworm http://mirror/debian",
                "main bookworm-backports http://mirror/debian",
                "main bookworm-security http://mirror/security",
            ]
        );
    }

    #[test]
    fn reads_what_apt_plans() {
        let new = "Inst qemu-system-arm (1:10.0.2+ds-2 Debian Backports:oldstable-backports [amd64])";
        assert_eq!(planned_package(new).as_deref(), Some("qemu-system-arm=1:10.0.2+ds-2"));
        let newer = "Inst libc6 [2.36-9] (2.36-10 Debian:12.15/oldstable [amd64]) []";
        assert_eq!(planned_package(newer).as_deref(), Some("libc6=2.36-10"));
        assert_eq!(planned_package("Conf libc6 (2.36-10 Debian:12.15/oldstable [amd64])"), None);
    }

    #[test]
    fn reads_versions_of_package_files() {
        let file = Path::new("/tmp/busybox-static_1%3a1.35.0-4+b1_arm64.deb");
        assert_eq!(version(file).as_deref(), Some("1:1.35.0-4+b1"));
        assert_eq!(version(Path::new("notes")), None);
    }

    #[test]
    fn adds_up_download_sizes() {
        let uris = "'http://mirror/a.deb' a.deb 4450500 SHA256:8f\n'http://mirror/b.deb' b.deb 500 SHA256:9a\n";
        assert_eq!(total_size(uris), 4_451_000);
    }
}
