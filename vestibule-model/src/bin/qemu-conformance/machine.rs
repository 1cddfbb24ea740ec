//! QEMU with the harness in it.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use conformance::{EXCEPTIONS, PROGRAMS, RECORDS_FILE, Record};
use zerocopy::{FromBytes, IntoBytes};

use crate::program::Program;

/// What a program did: a record for each exception.
pub type Records = [Record; EXCEPTIONS];

/// How long all programs may take.
const LIMIT: Duration = Duration::from_secs(120);

/// How to boot.
pub struct Machine<'a> {
    /// The words of a command that starts QEMU.
    pub command: &'a [String],
    /// The harness's ELF file.
    pub harness: &'a Path,
}

impl Machine<'_> {
    /// Boots, runs the programs and returns what came of each.
    pub fn run(&self, programs: &[Program]) -> Result<Vec<Records>> {
        let folder = tempfile::tempdir().context("cannot make a folder for programs and records")?;
        let file = folder.path().join("programs");
        fs::write(&file, image(programs)).with_context(|| format!("cannot write {}", file.display()))?;
        let ended = self.boot(folder.path())?;
        let file = folder.path().join(RECORDS_FILE.to_str().expect("its name is ASCII"));
        let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let records: Vec<_> = bytes
            .chunks_exact(size_of::<Records>())
            .map(|chunk| Records::read_from_bytes(chunk).expect("the size is right and any bytes are a record"))
            .collect();
        match programs.get(records.len()) {
            None if ended => Ok(records),
            None => bail!("QEMU ran all programs and did not end"),
            Some(program) => bail!("QEMU did not come to the end of this program:\n{program}"),
        }
    }

    /// `false`: it did not end in time.
    fn boot(&self, folder: &Path) -> Result<bool> {
        let [program, arguments @ ..] = self.command else { bail!("no command that starts QEMU") };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).stdin(Stdio::null());
        // A CPU with PAN and memory tags, of which no later QEMU changes what it has.
        command.args(["-M", "virt,gic-version=3,mte=on", "-cpu", "neoverse-n2", "-m", "512M", "-nic", "none"]);
        command.args(["-display", "none", "-serial", "none", "-monitor", "none", "-no-reboot"]);
        command.args(["-semihosting-config", "enable=on,target=native"]);
        let harness = self.harness.canonicalize().with_context(|| format!("no harness {}", self.harness.display()))?;
        command.arg("-kernel").arg(harness);
        command.arg("-device").arg(format!("loader,file=programs,addr={PROGRAMS:#x},force-raw=on"));
        wait(command.spawn().with_context(|| format!("cannot start {program}"))?)
    }
}

/// Waits until QEMU ends by itself, or ends it.
fn wait(mut qemu: Child) -> Result<bool> {
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline {
        if let Some(status) = qemu.try_wait()? {
            if !status.success() {
                bail!("QEMU with the harness ended with {status}");
            }
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(5));
    }
    qemu.kill()?;
    qemu.wait()?;
    Ok(false)
}

/// The programs as the harness finds them.
fn image(programs: &[Program]) -> Vec<u8> {
    let mut image = (programs.len() as u64).as_bytes().to_vec();
    programs.iter().for_each(|program| image.extend(program.for_harness().as_bytes()));
    image
}
