//! One boot test: what to boot, and what must come of it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::build::{self, Build, Kind, Programs};
use crate::initrd::Root;
use crate::machine::{Boot, End, Machine};
use crate::qemu::Qemu;
use crate::toolchain::Toolchain;

/// A kernel that tests boot.
pub struct Kernel {
    pub build: Build,
    elf: PathBuf,
}

impl Kernel {
    /// What comes of that build.
    pub fn of(build: Build, toolchain: &Toolchain) -> Result<Self> {
        Ok(Self { build, elf: build::kernel(toolchain, "release", build)? })
    }

    /// Its ELF file.
    pub fn elf(&self) -> &Path {
        &self.elf
    }
}

/// The machine that a test wants, besides what its kernel wants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum On {
    Usual,
    /// QEMU's newest CPU, whatever the backend. Its pointers are signed by a function that QEMU has made up for speed.
    NewCpu,
    /// With EL2, and the shim there.
    BehindShim,
}

/// What tests are booted with, besides a kernel.
pub struct Bench<'a> {
    programs: Programs,
    /// Has all of the programs.
    initrd: PathBuf,
    /// What starts the kernel, of tests that are behind it.
    shim: PathBuf,
    qemu: &'a Qemu,
    /// How long a boot may take.
    limit: Duration,
}

impl<'a> Bench<'a> {
    pub fn new(toolchain: &Toolchain, programs: Programs, qemu: &'a Qemu, limit: Duration) -> Result<Self> {
        let initrd = Root::of_programs(&programs)?.write("programs")?;
        Ok(Self { programs, initrd, shim: build::shim(toolchain)?, qemu, limit })
    }

    /// The initial RAM disk.
    pub fn initrd(&self) -> &Path {
        &self.initrd
    }
}

/// A boot that must show certain lines and end with a certain status.
pub struct BootTest {
    pub name: &'static str,
    pub cpus: u32,
    /// The kernel's options, `--`, the name of a program in `programs/` and its arguments.
    pub command_line: &'static str,
    /// Each must stand in a line of what the programs or the kernel say, in the order of each; other lines may come
    /// between.
    pub lines: &'static [&'static str],
    pub status: u8,
}

impl BootTest {
    /// Boots the kernel and compares; an error says what differs and shows what it said.
    pub fn run(&self, on: On, kernel: &Kernel, bench: &Bench) -> Result<Boot> {
        self.run_as(on, kernel, bench, self.command_line, self.cpus)
    }

    /// The same with another command line, and on so many CPUs.
    pub fn run_as(&self, on: On, kernel: &Kernel, bench: &Bench, command_line: &str, cpus: u32) -> Result<Boot> {
        let machine = Machine {
            kernel: &kernel.elf,
            shim: (on == On::BehindShim).then_some(&bench.shim),
            initrd: &bench.initrd,
            program: Some(bench.programs.find(self.program())?),
            command_line,
            cpus,
            cpu: if on == On::NewCpu { "max,pauth-impdef=on" } else { kernel.build.cpu() },
            mte: kernel.build.mte,
            limit: Some(bench.limit),
        };
        let started = Instant::now();
        let boot = machine.boot(bench.qemu)?;
        let name = format!("boot test {}, {}", self.name, kernel.build);
        self.judge(&boot)
            .map_err(|why| anyhow!("{name}: {why}\nits log:\n{}its terminal:\n{}", boot.log, boot.terminal))?;
        println!("{name} ... ok ({:.1} s)", started.elapsed().as_secs_f32());
        Ok(boot)
    }

    /// Whether that build has what it needs: only the checked one has bugs planted.
    pub fn is_for(&self, build: Build) -> bool {
        build.kind == Kind::Checked || !self.plants()
    }

    /// Whether the kernel has a bug in it: from the beginning, or while a program runs.
    pub fn plants(&self) -> bool {
        self.command_line.contains("bug=")
    }

    /// The name of the program, which is its own first argument.
    pub fn program(&self) -> &'static str {
        self.arguments().split(' ').next().unwrap_or_default()
    }

    /// The program's arguments.
    pub fn arguments(&self) -> &'static str {
        self.command_line.split_once("-- ").map_or("", |(_, arguments)| arguments)
    }

    /// The kernel's options.
    pub fn options(&self) -> impl Iterator<Item = &'static str> {
        let options = self.command_line.split_once("-- ").map_or(self.command_line, |(options, _)| options);
        options.split_whitespace()
    }

    /// Whether what came of a boot is what must; an error says what is not.
    pub fn judge(&self, boot: &Boot) -> Result<(), String> {
        match &boot.end {
            End::Exited(status) if *status == self.status => {}
            end => return Err(format!("expected exit status {}, got {end}", self.status)),
        }
        match first_missing([&boot.terminal, &boot.log], self.lines) {
            Some(line) => Err(format!("nobody says {line:?} (after the lines expected before it)")),
            None => Ok(()),
        }
    }
}

/// The first of `expected` that neither of the two has in a line after the one that had an earlier of them.
fn first_missing<'a>(said: [&str; 2], expected: &[&'a str]) -> Option<&'a str> {
    let mut rests = said.map(str::lines);
    expected.iter().copied().find(|expected| {
        let mut has = |rest: &mut std::str::Lines| {
            let mut tried = rest.clone();
            let found = tried.any(|line| line.contains(expected));
            if found {
                *rest = tried;
            }
            found
        };
        !rests.iter_mut().any(&mut has)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: BootTest =
        BootTest { name: "t", cpus: 1, command_line: "a=b -- p x", lines: &["first", "second"], status: 7 };

    fn boot(terminal: &str, end: End) -> Boot {
        Boot { terminal: terminal.into(), log: String::new(), end }
    }

    #[test]
    fn names_its_program() {
        assert_eq!(TEST.program(), "p");
        assert_eq!(BootTest { command_line: "-- alone", ..TEST }.program(), "alone");
        assert_eq!(TEST.arguments(), "p x");
        assert_eq!(TEST.options().collect::<Vec<_>>(), ["a=b"]);
    }

    #[test]
    fn wants_lines_in_order_and_lets_others_between() {
        assert_eq!(first_missing(["a first\nx\r\nthe second\n", ""], TEST.lines), None);
        assert_eq!(first_missing(["second\nfirst\n", ""], TEST.lines), Some("second"));
        assert_eq!(first_missing(["first second\n", ""], TEST.lines), Some("second"));
        assert_eq!(first_missing(["", ""], TEST.lines), Some("first"));
        assert_eq!(first_missing(["", ""], &[]), None);
    }

    #[test]
    fn programs_and_kernel_may_each_say_some_of_them() {
        assert_eq!(first_missing(["second\n", "x\nfirst\n"], TEST.lines), None);
        assert_eq!(first_missing(["second\nx\n", "second\nfirst\n"], &["first", "second", "x"]), None);
        assert_eq!(first_missing(["x\n", "second\nfirst\n"], TEST.lines), Some("second"));
    }

    #[test]
    fn judges_status_and_lines() {
        assert_eq!(TEST.judge(&boot("first\nsecond\n", End::Exited(7))), Ok(()));
        assert!(TEST.judge(&boot("first\nsecond\n", End::Exited(0))).unwrap_err().contains("status 7"));
        assert!(TEST.judge(&boot("first\n", End::Exited(7))).unwrap_err().contains("second"));
        let hung = End::Hung { limit: Duration::from_secs(60), report: "CPU#0".into() };
        assert!(TEST.judge(&boot("first\nsecond\n", hung)).unwrap_err().contains("CPU#0"));
    }
}
