//! The counter against a machine whose exceptions were counted by hand: `counter/tests/guest`, whose head says how it is
//! built and booted.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::counter::Counter;
use crate::machine::{self, End};
use crate::qemu::Qemu;
use crate::toolchain::{TARGET, Toolchain};
use crate::{process, workspace};

const FOLDER: &str = "counter/tests/guest";

/// Entry text and task switch, as the guest's linker script lays them out.
const ARGUMENTS: &str = "text=40200000-40201000,switch=40201000";

/// How the guest ends if everything in it went as written.
const STATUS: u8 = 93;

/// It takes a tenth of a second.
const LIMIT: Duration = Duration::from_secs(60);

/// Boots the guest twice; both reports must be `expected.json`, byte for byte.
pub fn check(toolchain: &Toolchain, qemu: &Qemu, counter: &Counter) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot make a folder for the counter's guest")?;
    let guest = build(toolchain, folder.path())?;
    let expected = workspace::root().join(FOLDER).join("expected.json");
    let expected_report = fs::read(&expected).with_context(|| format!("cannot read {}", expected.display()))?;
    for name in ["first.json", "second.json"] {
        let report = folder.path().join(name);
        boot(&guest, qemu, counter, &report)?;
        if fs::read(&report).with_context(|| format!("cannot read {}", report.display()))? != expected_report {
            let kept = folder.keep();
            bail!("{} is not what was counted by hand, {}", kept.join(name).display(), expected.display());
        }
    }
    Ok(())
}

fn build(toolchain: &Toolchain, folder: &Path) -> Result<PathBuf> {
    let guest = folder.join("guest");
    let mut rustc = toolchain.rustc();
    rustc.current_dir(workspace::root().join(FOLDER)).args(["--edition", "2024", "--target", TARGET, "-O"]);
    rustc.args(["-Cpanic=abort", "-Crelocation-model=static", "-Clink-arg=-Tguest.ld", "guest.rs", "-o"]);
    process::run(rustc.arg(&guest))?;
    Ok(guest)
}

fn boot(guest: &Path, qemu: &Qemu, counter: &Counter, report: &Path) -> Result<()> {
    let mut command = qemu.command();
    command.args(["-M", "virt,gic-version=3", "-cpu", "cortex-a76", "-m", "256M", "-display", "none", "-nic", "none"]);
    command.args(["-icount", "shift=0", "-semihosting-config", "enable=on,target=native"]);
    command.arg("-kernel").arg(guest).arg("-plugin").arg(counter.argument(ARGUMENTS, report));
    match machine::run_to_end(command, LIMIT).context("the counter's guest")?.end {
        End::Exited(STATUS) => Ok(()),
        end => bail!("the counter's guest ended with {end}, not with status {STATUS}"),
    }
}
