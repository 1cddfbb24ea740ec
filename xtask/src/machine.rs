//! One boot of a kernel in QEMU: what it says, a watchdog over it, its end.

use std::fmt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use tempfile::TempDir;

use crate::keyboard::Keyboard;
use crate::monitor::Monitor;
use crate::qemu::Qemu;
use crate::serial::{self, Ports, Said, Show, Silence};
use crate::symbols::Symbols;
use crate::typist::Typist;
use crate::{build, process};

/// What the kernel's log says last when the first process has ended, and the machine with it.
const LAST_WORDS: &str = "--- exit status";

/// The monitor's socket in its folder.
const SOCKET: &str = "monitor";

/// A kernel, what it runs, and on how many CPUs.
pub struct Machine<'a> {
    /// The kernel's ELF file.
    pub kernel: &'a Path,
    /// The ELF file of what stands at EL2 in front of it, if anything does.
    pub shim: Option<&'a Path>,
    /// The initial RAM disk.
    pub initrd: &'a Path,
    /// The ELF file of the program the kernel starts, for its symbols.
    pub program: Option<&'a Path>,
    /// The kernel's command line.
    pub command_line: &'a str,
    pub cpus: u32,
    /// QEMU's model of them.
    pub cpu: &'a str,
    /// Whether its memory has tags; its CPUs must have them, too.
    pub mte: bool,
    /// How long it may run; without a limit it runs until it ends.
    pub limit: Option<Duration>,
}

/// How a boot ended.
pub struct Boot {
    /// All that the programs wrote to the terminal.
    pub terminal: String,
    /// All that the kernel wrote to its log.
    pub log: String,
    pub end: End,
}

pub enum End {
    /// The kernel ended the machine with this exit status: that of the first process, or 1 if it gave up.
    Exited(u8),
    /// It did not end in time; what the CPUs were doing then.
    Hung { limit: Duration, report: String },
    /// Whoever types asked for the end.
    Quit,
}

impl Machine<'_> {
    /// Boots, and returns when the machine has ended, by itself or by the watchdog.
    pub fn boot(&self, qemu: &Qemu) -> Result<Boot> {
        self.boot_with(qemu, |_| {})
    }

    /// Boots as [`boot`](Self::boot) does, with what `add` adds to QEMU's command line.
    pub fn boot_with(&self, qemu: &Qemu, add: impl FnOnce(&mut Command)) -> Result<Boot> {
        self.boot_for(qemu, Show::Nothing, None, add)
    }

    /// Boots with the machine's terminal on ours.
    pub fn boot_on_terminal(&self, qemu: &Qemu, show: Show, keyboard: Keyboard) -> Result<Boot> {
        self.boot_for(qemu, show, Some(keyboard), |_| {})
    }

    /// Boots with somebody at the terminal who does `work`, and returns when the machine has ended. An error of the work ends
    /// it, and tells what the machine had to say.
    pub fn boot_with_typist(&self, qemu: &Qemu, work: impl FnOnce(&mut Typist) -> Result<()>) -> Result<Boot> {
        let folder = socket_folder()?;
        let socket = folder.path().join(SOCKET);
        let mut command = self.command(qemu, &socket)?;
        let mut child = Running(spawn(command.stdin(Stdio::piped()))?);
        let ports = Ports::listen(&mut child.0, Show::Nothing);
        let mut typist = Typist::new(child.0.stdin.take().expect("its input is piped"), &ports);
        let worked = work(&mut typist);
        let said = typist.leave();
        worked.map_err(|why| anyhow!("{why:#}\nthe log:\n{}", String::from_utf8_lossy(&said.log)))?;
        self.wait_for_end(&mut child, &ports, said, &socket)
    }

    fn boot_for(
        &self,
        qemu: &Qemu,
        show: Show,
        keyboard: Option<Keyboard>,
        add: impl FnOnce(&mut Command),
    ) -> Result<Boot> {
        let folder = socket_folder()?;
        let socket = folder.path().join(SOCKET);
        let mut command = self.command(qemu, &socket)?;
        add(&mut command);
        command.stdin(if keyboard.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = Running(spawn(&mut command)?);
        let ports = Ports::listen(&mut child.0, show);
        let _typing = keyboard.map(|keyboard| keyboard.connect(&mut child.0, &ports)).transpose()?;
        self.wait_for_end(&mut child, &ports, Said::default(), &socket)
    }

    fn wait_for_end(&self, child: &mut Running, ports: &Ports, mut said: Said, socket: &Path) -> Result<Boot> {
        let silence = ports.keep_all(self.limit.map(|limit| Instant::now() + limit), &mut said);
        let end = match (silence, self.limit) {
            (Silence::TooLate, Some(limit)) => {
                let report = self.end_hung(socket).unwrap_or_else(|error| format!("no registers: {error:#}\n"));
                End::Hung { limit, report }
            }
            (Silence::Quit, _) => End::Quit,
            _ => End::Exited(exit_status(child.0.wait()?, &said)?),
        };
        Ok(Boot::new(said, end))
    }

    fn command(&self, qemu: &Qemu, socket: &Path) -> Result<Command> {
        let mut command = qemu.command();
        command.args(["-M", &self.board(), "-cpu", self.cpu, "-m", "256M"]);
        command.arg("-smp").arg(self.cpus.to_string());
        command.args(["-display", "none", "-nic", "none", "-no-reboot"]);
        serial::connect(&mut command);
        // The kernel ends the machine by a semihosting call, which carries the exit status.
        command.args(["-semihosting-config", "enable=on,target=native"]);
        command.arg("-qmp").arg(format!("unix:{},server=on,wait=off", socket.display()));
        self.add_kernel(&mut command)?;
        command.arg("-initrd").arg(self.initrd);
        command.arg("-append").arg(self.command_line);
        Ok(command)
    }

    /// Its firmware is QEMU: called by HVC, or by SMC where there is EL2.
    fn board(&self) -> String {
        let tags = if self.mte { ",mte=on" } else { "" };
        let el2 = if self.shim.is_some() { ",virtualization=on" } else { "" };
        format!("virt,gic-version=3{tags}{el2}")
    }

    /// The kernel, or the shim and the kernel where the shim looks for it.
    fn add_kernel(&self, command: &mut Command) -> Result<()> {
        let kernel = build::boot_image(self.kernel)?;
        match self.shim {
            None => command.arg("-kernel").arg(kernel),
            Some(shim) => {
                let loaded = format!("loader,file={},addr={:#x},force-raw=on", comma_twice(&kernel), shim::KERNEL);
                command.arg("-kernel").arg(build::boot_image(shim)?).args(["-device", &loaded])
            }
        };
        Ok(())
    }

    /// Describes what the machine does and ends it.
    fn end_hung(&self, socket: &Path) -> Result<String> {
        let mut monitor = Monitor::connect(socket)?;
        let report = monitor.report(self.cpus, &Symbols::read(self.kernel, self.program)?);
        monitor.quit()?;
        report
    }
}

impl Boot {
    fn new(said: Said, end: End) -> Self {
        let [terminal, log] = [said.terminal, said.log].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Self { terminal, log, end }
    }

    /// Did the kernel end the machine because the first process had ended, and not because something was wrong?
    pub fn is_regular(&self) -> bool {
        matches!(self.end, End::Exited(_)) && self.log.lines().any(|line| line.starts_with(LAST_WORDS))
    }

    /// What the kernel said while programs ran.
    pub fn said_meanwhile(&self) -> impl Iterator<Item = &str> {
        let is_heading = |line: &&str| line.starts_with("--- ");
        let first = self.log.lines().skip_while(move |line| !is_heading(line)).skip(1);
        first.take_while(move |line| !is_heading(line))
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exit status {status}"),
            Self::Hung { limit, report } => {
                write!(f, "no end within {} s; its CPUs then:\n{report}", limit.as_secs())
            }
            Self::Quit => f.write_str("ended from the keyboard"),
        }
    }
}

/// Runs a QEMU that boots something else than a kernel with a program; an error if it has not ended after `limit`.
pub fn run_to_end(mut command: Command, limit: Duration) -> Result<Boot> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Running(spawn(&mut command)?);
    let ports = Ports::listen(&mut child.0, Show::Nothing);
    let mut said = Said::default();
    let silence = ports.keep_all(Some(Instant::now() + limit), &mut said);
    if silence != Silence::Ended {
        let Boot { terminal, log, .. } = Boot::new(said, End::Quit);
        bail!("no end within {} s; what it said:\n{log}{terminal}", limit.as_secs());
    }
    let status = exit_status(child.0.wait()?, &said)?;
    Ok(Boot::new(said, End::Exited(status)))
}

/// A path as the value of one of QEMU's options: there a comma ends it.
fn comma_twice(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// For the monitor's socket.
fn socket_folder() -> Result<TempDir> {
    tempfile::tempdir().context("cannot make a folder for the monitor's socket")
}

fn spawn(command: &mut Command) -> Result<Child> {
    process::tied(command).spawn().with_context(|| format!("cannot start {}", process::describe(command)))
}

/// A QEMU that does not outlive its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill(); // It may have ended.
        let _ = self.0.wait();
    }
}

/// The exit status the kernel gave.
fn exit_status(status: ExitStatus, said: &Said) -> Result<u8> {
    let log = String::from_utf8_lossy(&said.log);
    match status.code().map(u8::try_from) {
        Some(Ok(0)) if said.terminal.is_empty() && said.log.is_empty() => {
            bail!("the kernel powered off without a word")
        }
        Some(Ok(code)) => Ok(code),
        _ => bail!("QEMU did not end by itself: {status}\n{log}"),
    }
}
