//! One boot of a kernel in QEMU: its console, a watchdog over it, its end.

use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::monitor::Monitor;
use crate::qemu::Qemu;
use crate::symbols::Symbols;
use crate::{build, process};

/// A kernel, what it runs, and on how many CPUs.
pub struct Machine<'a> {
    /// The kernel's ELF file.
    pub kernel: &'a Path,
    /// The ELF file of the program the kernel starts.
    pub program: &'a Path,
    /// The kernel's command line.
    pub command_line: &'a str,
    pub cpus: u32,
    /// How long it may run; without a limit it runs until it ends.
    pub limit: Option<Duration>,
}

/// Where a machine's console is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Console {
    /// On our own standard input and output.
    Terminal,
    /// Nowhere: it is only kept.
    Kept,
}

/// How a boot ended.
pub struct Boot {
    /// All that the console showed.
    pub output: String,
    pub end: End,
}

pub enum End {
    /// The kernel ended the machine with the program's exit status.
    Exited(u8),
    /// It did not end in time; what the CPUs were doing then.
    Hung { limit: Duration, report: String },
}

impl Machine<'_> {
    /// Boots, and returns when the machine has ended, by itself or by the watchdog.
    pub fn boot(&self, qemu: &Qemu, console: Console) -> Result<Boot> {
        self.boot_with(qemu, console, |_| {})
    }

    /// Boots as [`boot`](Self::boot) does, with what `add` adds to QEMU's command line.
    pub fn boot_with(&self, qemu: &Qemu, console: Console, add: impl FnOnce(&mut Command)) -> Result<Boot> {
        let folder = tempfile::tempdir().context("cannot make a folder for the monitor's socket")?;
        let socket = folder.path().join("monitor");
        let mut command = self.command(qemu, &socket)?;
        add(&mut command);
        let mut child = Running(self.start(command, console)?);
        let output = read_console(&mut child.0, console);
        if console == Console::Terminal {
            write_console(child.0.stdin.take().expect("its input is piped"));
        }
        let mut kept = Vec::new();
        let ended = keep_until_end(&output, &mut kept, self.limit.map(|limit| Instant::now() + limit));
        let end = match (ended, self.limit) {
            (false, Some(limit)) => {
                let report = self.end_hung(&socket).unwrap_or_else(|error| format!("no registers: {error:#}\n"));
                End::Hung { limit, report }
            }
            _ => End::Exited(exit_status(child.0.wait()?, &kept)?),
        };
        Ok(Boot { output: String::from_utf8_lossy(&kept).into_owned(), end })
    }

    fn start(&self, mut command: Command, console: Console) -> Result<Child> {
        fs::metadata(self.program).with_context(|| format!("cannot read the program {}", self.program.display()))?;
        command.stdout(Stdio::piped());
        match console {
            Console::Terminal => command.stdin(Stdio::piped()),
            Console::Kept => command.stdin(Stdio::null()),
        };
        spawn(command)
    }

    fn command(&self, qemu: &Qemu, socket: &Path) -> Result<Command> {
        let mut command = qemu.command();
        command.args(["-M", "virt,gic-version=3", "-cpu", "cortex-a76", "-m", "256M"]);
        command.arg("-smp").arg(self.cpus.to_string());
        command.args(["-display", "none", "-serial", "stdio", "-nic", "none", "-no-reboot"]);
        // The kernel ends the machine by a semihosting call, which carries the exit status.
        command.args(["-semihosting-config", "enable=on,target=native"]);
        command.arg("-qmp").arg(format!("unix:{},server=on,wait=off", socket.display()));
        command.arg("-kernel").arg(build::boot_image(self.kernel)?);
        command.arg("-initrd").arg(self.program);
        command.arg("-append").arg(self.command_line);
        Ok(command)
    }

    /// Describes what the machine does and ends it.
    fn end_hung(&self, socket: &Path) -> Result<String> {
        let mut monitor = Monitor::connect(socket)?;
        let report = monitor.report(self.cpus, &Symbols::read(self.kernel, self.program)?);
        monitor.quit()?;
        report
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exit status {status}"),
            Self::Hung { limit, report } => {
                write!(f, "no end within {} s; its CPUs then:\n{report}", limit.as_secs())
            }
        }
    }
}

/// Runs a QEMU that boots something else than a kernel with a program; an error if it has not ended after `limit`.
pub fn run_to_end(mut command: Command, limit: Duration) -> Result<Boot> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = Running(spawn(command)?);
    let output = read_console(&mut child.0, Console::Kept);
    let mut kept = Vec::new();
    let ended = keep_until_end(&output, &mut kept, Some(Instant::now() + limit));
    let output = String::from_utf8_lossy(&kept).into_owned();
    if !ended {
        bail!("no end within {} s; its console:\n{output}", limit.as_secs());
    }
    Ok(Boot { output, end: End::Exited(exit_status(child.0.wait()?, &kept)?) })
}

fn spawn(mut command: Command) -> Result<Child> {
    process::tied(&mut command).spawn().with_context(|| format!("cannot start {}", process::describe(&command)))
}

/// A QEMU that does not outlive its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill(); // It may have ended.
        let _ = self.0.wait();
    }
}

/// Reads the machine's console in a thread of its own, shows it if it is on the terminal, and hands it on. The
/// channel closes when QEMU ends.
fn read_console(child: &mut Child, console: Console) -> Receiver<Vec<u8>> {
    let mut stdout = child.stdout.take().expect("its output is piped");
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stdout.read(&mut buffer) {
            if console == Console::Terminal {
                let mut terminal = io::stdout();
                let _ = terminal.write_all(&buffer[..count]).and_then(|()| terminal.flush()); // Nobody may be looking.
            }
            if sender.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Passes our standard input to the machine's console in a thread of its own. (QEMU itself would change the modes of
/// our terminal, and leave them changed if it is killed.)
fn write_console(mut stdin: ChildStdin) {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = io::stdin().read(&mut buffer) {
            if stdin.write_all(&buffer[..count]).is_err() {
                return;
            }
        }
    });
}

/// Adds the console's output to `kept` until QEMU ends (true) or the deadline passes (false).
fn keep_until_end(output: &Receiver<Vec<u8>>, kept: &mut Vec<u8>, deadline: Option<Instant>) -> bool {
    loop {
        let received = match deadline {
            Some(deadline) => output.recv_timeout(deadline.saturating_duration_since(Instant::now())),
            None => output.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(bytes) => kept.extend(bytes),
            Err(RecvTimeoutError::Disconnected) => return true,
            Err(RecvTimeoutError::Timeout) => return false,
        }
    }
}

/// The exit status the kernel gave.
fn exit_status(status: ExitStatus, output: &[u8]) -> Result<u8> {
    match status.code().map(u8::try_from) {
        Some(Ok(0)) if output.is_empty() => bail!("the kernel powered off without a word"),
        Some(Ok(code)) => Ok(code),
        _ => bail!("QEMU did not end by itself: {status}"),
    }
}
