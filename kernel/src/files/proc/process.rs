//! Files about processes and their tasks.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Write;

use vestibule::Process as ProcessContext;

use super::machine;
use crate::address_space::Region;
use crate::backing::Backing;
use crate::cpu_time::clock_ticks;
use crate::errno::{Errno, Result};
use crate::fallible::with_room;
use crate::layout::PAGE_SIZE;
use crate::process::Process;
use crate::reference::Cpu;
use crate::signals::{Disposition, Signal, SignalSet};
use crate::task::{State, Task};

/// What writes a file about a process, or about one task of it.
type Text = fn(&mut Cpu<ProcessContext>, &Arc<Process>, Option<u32>) -> Result<Vec<u8>>;

/// All of them.
pub const FILES: [(&str, Text); 7] = [
    ("cmdline", |_, process, _| command(process)),
    ("comm", |_, process, _| Ok(alloc::format!("{}\n", short_name(process)).into_bytes())),
    ("maps", maps),
    ("mounts", |_, _, _| Ok(machine::mounts())),
    ("stat", stat),
    ("statm", sizes),
    ("status", status),
];

/// What a write into a string gives is always fine.
macro_rules! line {
    ($text:expr, $($part:tt)*) => { _ = writeln!($text, $($part)*) };
}

/// What it was started with, each argument with a zero behind it; nothing when it has ended.
fn command(process: &Process) -> Result<Vec<u8>> {
    if process.how_it_ended().is_some() {
        return Ok(Vec::new());
    }
    let arguments = process.command();
    let mut text = with_room(arguments.iter().map(|argument| argument.len() + 1).sum())?;
    arguments.iter().for_each(|argument| text.extend(argument.iter().chain(&[0])));
    Ok(text)
}

/// Fifteen bytes, as Linux has room for.
fn short_name(process: &Process) -> String {
    let name = process.name();
    let end = (0..=15.min(name.len())).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    name[..end].into()
}

/// A letter for what the process is about, or one task of it.
fn state(process: &Process, task: Option<u32>) -> char {
    let asked = |task_there: &Arc<Task>| task.is_none_or(|task| task_there.id() == task);
    match () {
        () if process.how_it_ended().is_some() || process.task_count() == 0 => 'Z',
        () if process.job.is_stopped() => 'T',
        () if process.tasks().filter(asked).any(|task| task.is(State::Runnable)) => 'R',
        () => 'S',
    }
}

/// Mapped, and of that in memory: pages.
fn pages(cpu: &mut Cpu<ProcessContext>, process: &Process) -> [usize; 2] {
    let Some(memory) = process.memory() else { return [0; 2] };
    let mapped = memory.lock(cpu).size();
    [mapped, memory.resident()]
}

fn stat(cpu: &mut Cpu<ProcessContext>, process: &Arc<Process>, task: Option<u32>) -> Result<Vec<u8>> {
    let [mapped, resident] = pages(cpu, process);
    let (own, children) = (process.usage(), process.children_usage());
    let [user, system] = [own.user(), own.system()].map(clock_ticks);
    let [children_user, children_system] = [children.user(), children.system()].map(clock_ticks);
    let started = clock_ticks(process.started());
    let terminal = crate::files::devices::CONSOLE_NUMBER.encode();
    let mut text = String::new();
    let id = task.unwrap_or(process.id());
    _ = write!(text, "{id} ({}) {} ", short_name(process), state(process, task));
    _ = write!(text, "{} {} {} ", process.parent_id(), process.group(), process.session());
    // Terminal, its foreground group; flags, faults and those of children.
    _ = write!(text, "{terminal} {} 0 {} 0 0 0 ", process.group(), own.faults);
    // Times: its own, its children's; priority, nice value, tasks, timer, start.
    _ = write!(text, "{user} {system} {children_user} {children_system} 20 0 {} 0 {started} ", process.task_count());
    _ = write!(text, "{} {resident} 18446744073709551615 ", mapped * PAGE_SIZE);
    // Addresses, which are nobody's business, and signals.
    let signals = Signals::of(process, task);
    _ = write!(text, "0 0 0 0 0 {} {} {} {} ", signals.pending, signals.blocked, signals.ignored, signals.caught);
    line!(text, "0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0");
    Ok(text.into_bytes())
}

/// What a process or task does with signals, as bits.
struct Signals {
    pending: u64,
    shared: u64,
    blocked: u64,
    ignored: u64,
    caught: u64,
}

impl Signals {
    fn of(process: &Process, task: Option<u32>) -> Signals {
        let task = process.find_task(|other| task.is_none_or(|task| other.id() == task));
        let actions = process.actions.lock();
        let all = || (1..=64).filter_map(Signal::new);
        let bits =
            |signals: &mut dyn Iterator<Item = Signal>| signals.fold(SignalSet::from_bits(0), SignalSet::with).bits();
        Signals {
            pending: task.as_ref().map_or(0, |task| task.signals.pending.set().bits()),
            shared: process.pending.set().bits(),
            blocked: task.map_or(0, |task| task.signals.blocked().bits()),
            ignored: bits(&mut all().filter(|signal| matches!(actions.of(*signal), Disposition::Ignore))),
            caught: bits(&mut all().filter(|signal| actions.is_handled(*signal))),
        }
    }
}

fn sizes(cpu: &mut Cpu<ProcessContext>, process: &Arc<Process>, _: Option<u32>) -> Result<Vec<u8>> {
    let [mapped, resident] = pages(cpu, process);
    Ok(alloc::format!("{mapped} {resident} 0 0 0 {mapped} 0\n").into_bytes())
}

fn status(cpu: &mut Cpu<ProcessContext>, process: &Arc<Process>, task: Option<u32>) -> Result<Vec<u8>> {
    let [mapped, resident] = pages(cpu, process).map(|pages| pages * PAGE_SIZE / 1024);
    let state = match state(process, task) {
        'R' => "R (running)",
        'S' => "S (sleeping)",
        'T' => "T (stopped)",
        _ => "Z (zombie)",
    };
    let signals = Signals::of(process, task);
    let mut text = String::new();
    line!(text, "Name:\t{}", short_name(process));
    line!(text, "Umask:\t{:04o}", process.location.mask());
    line!(text, "State:\t{state}");
    line!(text, "Tgid:\t{}\nNgid:\t0\nPid:\t{}", process.id(), task.unwrap_or(process.id()));
    line!(text, "PPid:\t{}\nTracerPid:\t0", process.parent_id());
    line!(text, "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0");
    line!(text, "FDSize:\t{}\nGroups:\t0 ", process.files.numbers().last().map_or(64, |last| (last + 1).max(64)));
    line!(text, "NSpgid:\t{}\nNSsid:\t{}", process.group(), process.session());
    line!(text, "VmPeak:\t{mapped:>8} kB\nVmSize:\t{mapped:>8} kB");
    line!(text, "VmHWM:\t{resident:>8} kB\nVmRSS:\t{resident:>8} kB");
    line!(text, "Threads:\t{}", process.task_count());
    line!(text, "SigPnd:\t{:016x}\nShdPnd:\t{:016x}", signals.pending, signals.shared);
    line!(text, "SigBlk:\t{:016x}\nSigIgn:\t{:016x}", signals.blocked, signals.ignored);
    line!(text, "SigCgt:\t{:016x}", signals.caught);
    Ok(text.into_bytes())
}

/// Bytes that a mapping takes without its name, and more.
const LINE: usize = 96;

fn maps(cpu: &mut Cpu<ProcessContext>, process: &Arc<Process>, _: Option<u32>) -> Result<Vec<u8>> {
    let Some(memory) = process.memory() else { return Ok(Vec::new()) };
    let memory = memory.lock(cpu);
    let mut text = Vec::new();
    for (region, name) in memory.mappings() {
        // There can be many.
        text.try_reserve(LINE + name.len()).map_err(|_| Errno::ENOMEM)?;
        text.extend(mapping(region).into_bytes());
        if !name.is_empty() {
            text.push(b' ');
            text.extend(name);
        }
        text.push(b'\n');
    }
    Ok(text)
}

fn mapping(region: &Region) -> String {
    let protection = region.protection;
    let letter = |has: bool, letter: char| if has { letter } else { '-' };
    let (device, inode) = match &region.backing {
        Backing::File(_) => ("00:01", 1),
        _ => ("00:00", 0),
    };
    alloc::format!(
        "{:08x}-{:08x} {}{}{}{} {:08x} {device} {inode}",
        region.range.start,
        region.range.end,
        letter(protection.read, 'r'),
        letter(protection.write, 'w'),
        letter(protection.execute, 'x'),
        if region.shared { 's' } else { 'p' },
        region.offset,
    )
}
