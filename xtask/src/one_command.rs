//! One command for a shell, on one CPU and on several, under each preemption model: what it says and how it ends.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use clap::ValueEnum;

use crate::backend::Backend;
use crate::build::{self, Build};
use crate::busybox::Busybox;
use crate::command_line::{Preempt, Terminal, command_line};
use crate::initrd::Root;
use crate::machine::{Boot, End, Machine};
use crate::progress::say;
use crate::qemu::Qemu;
use crate::toolchain::Toolchain;

/// What `--boot` chooses it by.
pub const NAME: &str = "one command";

const LIMIT: Duration = Duration::from_secs(60);

/// Commands, what they say on Linux, and the status that they end with.
const COMMANDS: [(&str, &str, u8); 3] = [
    ("echo $((6*7)); seq 1 2000 | sort -rn | head -1; (sleep 1; echo bg) & wait", "42\n2000\nbg\n", 0),
    ("exit 7", "", 7),
    ("kill -SEGV $$", "", 139),
];

/// Runs all of them everywhere, those of one machine at once.
pub fn check(toolchain: &Toolchain, qemu: &Qemu, backend: Backend) -> Result<()> {
    let busybox = match Busybox::ready() {
        Ok(busybox) => busybox,
        Err(why) => {
            say(&format!("no busybox, and so no test of {NAME}: {why:#}"));
            return Ok(());
        }
    };
    let mut root = Root::new();
    root.add_busybox(&busybox)?;
    let (kernel, initrd) =
        (&build::kernel(toolchain, "release", Build::checked(backend))?, &root.write("one-command")?);
    let started = Instant::now();
    for cpus in [1, 4] {
        for preempt in Preempt::value_variants() {
            let run = |command| move || run(kernel, initrd, qemu, (cpus, backend.cpu()), *preempt, command);
            thread::scope(|scope| {
                let runs = COMMANDS.map(|command| scope.spawn(run(command)));
                runs.into_iter().try_for_each(|run| run.join().expect("a boot does not panic"))
            })?;
        }
    }
    println!("boot test {NAME} ... ok ({:.1} s)", started.elapsed().as_secs_f32());
    Ok(())
}

fn run(
    kernel: &Path,
    initrd: &Path,
    qemu: &Qemu,
    (cpus, cpu): (u32, &str),
    preempt: Preempt,
    (command, said, status): (&str, &str, u8),
) -> Result<()> {
    let command_line = command_line(preempt, Terminal::Plain, &["sh", "-c", command]);
    let machine = Machine {
        kernel,
        shim: None,
        initrd,
        program: None,
        command_line: &command_line,
        cpus,
        cpu,
        mte: false,
        limit: Some(LIMIT),
    };
    let where_it_ran = || format!("boot test {NAME}: {cpus} CPUs, {command_line}");
    let boot = machine.boot(qemu).with_context(where_it_ran)?;
    judge(&boot, said, status).map_err(|why| anyhow!("{}: {why}\nits log:\n{}", where_it_ran(), boot.log))
}

/// It has said exactly that, and ended so.
fn judge(boot: &Boot, said: &str, status: u8) -> Result<()> {
    let ended = matches!(boot.end, End::Exited(ended) if ended == status) && boot.is_regular();
    ensure!(ended, "expected exit status {status}, got {}", boot.end);
    ensure!(boot.terminal == said, "expected {said:?}, got {:?}", boot.terminal);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_status_and_every_byte() {
        let log = "--- exit status 7\n";
        let boot = |terminal: &str, log: &str, status| Boot {
            terminal: terminal.into(),
            log: log.into(),
            end: End::Exited(status),
        };
        assert!(judge(&boot("a\n", log, 7), "a\n", 7).is_ok());
        for wrong in [boot("a\n", log, 0), boot("a", log, 7), boot("", log, 7), boot("a\n", "panicked\n", 7)] {
            assert!(judge(&wrong, "a\n", 7).is_err());
        }
    }
}
