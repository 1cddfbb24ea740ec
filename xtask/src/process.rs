//! Child processes whose failure says which command it was, and why, and that do not outlive us.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs `command` with its output going where ours goes; returns only if it succeeded.
pub fn run(command: &mut Command) -> Result<()> {
    let status = tied(command).status().with_context(|| format!("cannot start {}", describe(command)))?;
    if !status.success() {
        bail!("{} failed: {status}", describe(command));
    }
    Ok(())
}

/// Runs `command` and returns what it wrote to its standard output; returns only if it succeeded.
pub fn output(command: &mut Command) -> Result<String> {
    tied(command).stdin(Stdio::null());
    let output = command.output().with_context(|| format!("cannot start {}", describe(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed: {}\n{}", describe(command), output.status, said.trim_end());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} wrote what is not UTF-8", describe(command)))
}

/// The command as a person would type it, without its environment.
pub fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    format!("`{}`", words.join(" "))
}

/// What `command` starts is killed when the thread that starts it ends, and so with us: a signal ends us without
/// dropping anything.
#[cfg(target_os = "linux")]
pub fn tied(command: &mut Command) -> &mut Command {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    use std::os::unix::process::CommandExt;

    let us = std::process::id();
    let tie = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // We may have ended before that.
        let parent = getppid().map(|parent| parent.as_raw_nonzero().get() as u32);
        if parent == Some(us) { Ok(()) } else { Err(std::io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: between fork and exec it makes two system calls and allocates nothing.
    unsafe { command.pre_exec(tie) }
}

/// Only Linux can tie a process to another.
#[cfg(not(target_os = "linux"))]
pub fn tied(command: &mut Command) -> &mut Command {
    command
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::thread;

    #[test]
    fn a_tied_process_ends_with_who_started_it() {
        let start = || tied(Command::new("sleep").arg("60")).spawn().expect("there is a `sleep`");
        let mut child = thread::spawn(start).join().expect("it starts");
        assert_eq!(child.wait().expect("it can be waited for").signal(), Some(9));
    }

    #[test]
    fn a_tied_process_runs_to_its_end() {
        assert_eq!(output(Command::new("echo").arg("done")).unwrap(), "done\n");
    }
}
