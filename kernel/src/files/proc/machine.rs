//! Files about the machine.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use vestibule::Process;

use super::Place;
use crate::errno::{Errno, Result};
use crate::files::page;
use crate::reference::Cpu;
use crate::registers::read_register;
use crate::syscalls::{RELEASE, VERSION, host_name};
use crate::{cpu_time, frames, nmi, percpu, processes, profile, timer};

/// A file about the machine.
pub struct About {
    /// The folder of settings that it is in; none for the root.
    settings: Option<usize>,
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub text: fn() -> Vec<u8>,
    /// What is done when somebody writes to it; nothing may be written if there is none.
    pub command: Option<Command>,
}

/// Does what was written.
pub type Command = fn(&mut Cpu<Process>, &[u8]) -> Result<()>;

impl About {
    /// Where it is.
    pub fn folder(&self) -> Place {
        self.settings.map_or(Place::Root, Place::Settings)
    }
}

const fn about(name: &'static str, text: fn() -> Vec<u8>) -> About {
    About { settings: None, name, text, command: None }
}

const fn switch(name: &'static str, text: fn() -> Vec<u8>, command: Command) -> About {
    About { settings: None, name, text, command: Some(command) }
}

const fn setting(name: &'static str, text: fn() -> Vec<u8>) -> About {
    About { settings: Some(1), name, text, command: None }
}

/// All of them.
pub const FILES: [About; 15] = [
    about("cmdline", || b"\n".to_vec()),
    about("cpuinfo", cpus),
    about("filesystems", || b"nodev\ttmpfs\nnodev\tproc\nnodev\tpipefs\n".to_vec()),
    about("loadavg", load),
    about("meminfo", memory),
    about("mounts", mounts),
    switch("profile", profile::report, profile::command),
    about("stat", times),
    switch("sysrq-trigger", Vec::new, request),
    about("uptime", uptime),
    about("version", version),
    setting("hostname", host_name),
    setting("osrelease", || alloc::format!("{RELEASE}\n").into_bytes()),
    setting("ostype", || b"Linux\n".to_vec()),
    setting("pid_max", || alloc::format!("{}\n", processes::LIMIT).into_bytes()),
];

const SECOND: u64 = 1_000_000_000;
/// Parts of a second in which times are given.
const HUNDREDTHS: u64 = SECOND / 100;

/// What a write into a string gives is always fine.
macro_rules! line {
    ($text:expr, $($part:tt)*) => { _ = writeln!($text, $($part)*) };
}

/// What Linux does for the same letters: `l` says what every CPU does, `c` ends the kernel.
fn request(cpu: &mut Cpu<Process>, text: &[u8]) -> Result<()> {
    match text.first() {
        Some(b'l') => nmi::backtrace_all(cpu),
        Some(b'c') => panic!("somebody wrote c to /proc/sysrq-trigger"),
        _ => return Err(Errno::EINVAL),
    }
    Ok(())
}

/// The file systems that there are.
pub fn mounts() -> Vec<u8> {
    b"tmpfs / tmpfs rw,relatime 0 0\nproc /proc proc rw,relatime 0 0\n".to_vec()
}

fn cpus() -> Vec<u8> {
    let (identity, frequency) = (read_register!("midr_el1"), read_register!("cntfrq_el0"));
    let mut text = String::new();
    for cpu in percpu::online() {
        line!(text, "processor\t: {cpu}");
        line!(text, "BogoMIPS\t: {}.{:02}", frequency / 500_000, frequency / 5000 % 100);
        line!(text, "Features\t: fp asimd atomics cpuid");
        line!(text, "CPU implementer\t: {:#04x}", identity >> 24 & 0xff);
        line!(text, "CPU architecture: 8");
        line!(text, "CPU variant\t: {:#x}", identity >> 20 & 0xf);
        line!(text, "CPU part\t: {:#05x}", identity >> 4 & 0xfff);
        line!(text, "CPU revision\t: {}\n", identity & 0xf);
    }
    text.into_bytes()
}

/// Nobody keeps averages: who runs now, of how many, and who came last.
fn load() -> Vec<u8> {
    let tasks = processes::all().map(|process| process.task_count()).sum::<usize>();
    let newest = processes::newest();
    alloc::format!("0.00 0.00 0.00 1/{tasks} {newest}\n").into_bytes()
}

fn memory() -> Vec<u8> {
    let kibibytes = |frames: usize| frames * 4;
    let (total, free) = (frames::total_count(), frames::free_count());
    let rows = [
        ("MemTotal", total),
        ("MemFree", free),
        ("MemAvailable", free),
        ("Buffers", 0),
        ("Cached", page::in_use()),
        ("SwapCached", 0),
        ("Active", 0),
        ("Inactive", 0),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Dirty", 0),
        ("Writeback", 0),
        ("AnonPages", 0),
        ("Mapped", 0),
        ("Shmem", page::in_use()),
        ("Slab", 0),
        ("SReclaimable", 0),
    ];
    let mut text = String::new();
    for (name, frames) in rows {
        line!(text, "{:<16}{:>8} kB", alloc::format!("{name}:"), kibibytes(frames));
    }
    text.into_bytes()
}

/// How long each CPU was busy, and how long idle, in hundredths of seconds.
fn times() -> Vec<u8> {
    let mut text = String::new();
    let up = timer::nanoseconds() / HUNDREDTHS;
    let busy = |cpu: usize| cpu_time::busy(cpu) * 100 / cpu_time::HERTZ;
    let row = |text: &mut String, name: &str, busy: u64, all: u64| {
        line!(text, "{name} {busy} 0 0 {} 0 0 0 0 0 0", all.saturating_sub(busy));
    };
    let cpus: Vec<_> = percpu::online().collect();
    row(&mut text, "cpu ", cpus.iter().map(|cpu| busy(*cpu)).sum(), up * cpus.len() as u64);
    for cpu in &cpus {
        row(&mut text, &alloc::format!("cpu{cpu}"), busy(*cpu), up);
    }
    line!(text, "intr 0");
    line!(text, "ctxt 0");
    line!(text, "btime 0");
    line!(text, "processes {}", processes::newest());
    line!(text, "procs_running 1");
    line!(text, "procs_blocked 0");
    text.into_bytes()
}

fn uptime() -> Vec<u8> {
    let up = timer::nanoseconds() / HUNDREDTHS;
    let busy: u64 = percpu::online().map(|cpu| cpu_time::busy(cpu) * 100 / cpu_time::HERTZ).sum();
    let idle = (up * percpu::online().count() as u64).saturating_sub(busy);
    alloc::format!("{}.{:02} {}.{:02}\n", up / 100, up % 100, idle / 100, idle % 100).into_bytes()
}

fn version() -> Vec<u8> {
    alloc::format!("Linux version {RELEASE} (vestibule) {VERSION}\n").into_bytes()
}
