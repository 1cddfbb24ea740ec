//! `soak SECONDS [NAME [PATIENCE]]`: processes that do what processes do, all at once and for as long as one likes; each checks what it gets.
//!
//! Every ten seconds it says how often each of them did it. None may stop doing it: that would be a wake-up that was lost.
//! When all have ended, the kernel must have as much of everything as before. With a name, only those run that have it in
//! theirs.

mod memory;
mod processes;
mod threads;
mod timers;
mod tracing;

use core::array::from_fn;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;

use crate::runtime::clock::now;
use crate::runtime::print::println;
use crate::runtime::process::{fork, wait};
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Result, abi, mmap_shared, nanosleep};
use crate::runtime::test_calls::{frames_in_use, heap_bytes, open_files, tasks};

/// What goes on, and what does it: it returns when it is told to stop, or with what was wrong.
const ACTIVITIES: [(&str, Activity); 11] = [
    ("forks", processes::forks),
    ("programs", processes::programs),
    ("pipes", processes::pipes),
    ("signals", processes::signals),
    ("files", memory::files),
    ("mappings", memory::mappings),
    ("faults", memory::faults),
    ("threads", threads::threads),
    ("sleeps", threads::sleeps),
    ("timers", timers::timers),
    ("tracing", tracing::tracing),
];

type Activity = fn(&Progress) -> Result<bool>;

const REPORT: Duration = Duration::from_secs(10);
/// Long enough for the kernel to have seen and freed everything once.
const WARM_UP: Duration = Duration::from_secs(3);
/// Nothing takes so many seconds, however busy the machine is, unless it is stuck.
const PATIENCE: usize = 60;
/// What dead tasks had comes back a little later: all of it has, when nothing has for so long.
const SETTLE: Duration = Duration::from_millis(700);

/// What all processes share.
pub struct Shared {
    counts: [AtomicU64; ACTIVITIES.len()],
    stop: AtomicBool,
}

/// One activity's part of it.
pub struct Progress<'a> {
    shared: &'a Shared,
    index: usize,
}

impl Progress<'_> {
    /// It has been done once more; true if it is to be done again.
    pub fn again(&self) -> bool {
        self.shared.counts[self.index].fetch_add(1, Ordering::Relaxed);
        !self.shared.stop.load(Ordering::Relaxed)
    }
}

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    if arguments.get(1) == Some(processes::AS_CHILD) {
        return processes::STATUS;
    }
    let Some(seconds) = arguments.number(1) else {
        println!("usage: soak SECONDS [NAME [PATIENCE]]");
        return 2;
    };
    let name = arguments.get(2).unwrap_or_default();
    let patience = arguments.number(3).unwrap_or(PATIENCE);
    if chosen(name).next().is_none() {
        println!("soak: there is no {name:?}");
        return 2;
    }
    let [time, patience] = [seconds, patience].map(|seconds| Duration::from_secs(seconds as u64));
    match soak(&Soak { time, name, patience }) {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(why) => {
            println!("soak: system call failed: {why:?}");
            1
        }
    }
}

/// What is asked for.
struct Soak {
    time: Duration,
    /// What has this in its name goes on.
    name: &'static str,
    /// So long may nothing happen.
    patience: Duration,
}

fn soak(soak: &Soak) -> Result<bool> {
    let Soak { time, .. } = *soak;
    // SAFETY: zeros are counts and a flag, and the memory stays for ever.
    let shared = unsafe { &*mmap_shared(size_of::<Shared>())?.cast::<Shared>() };
    if !run(shared, &Soak { time: WARM_UP.min(time), ..*soak })? {
        return Ok(false);
    }
    let before = Figures::settled()?;
    println!("soak: before {before:?}");
    let right = run(shared, soak)?;
    let after = Figures::settled()?;
    println!("soak: after {after:?}");
    let leaked = after.are_more_than(&before);
    if leaked {
        println!("soak: something has not come back");
    }
    if right && !leaked {
        println!("soak: all as it should be");
    }
    Ok(right && !leaked)
}

/// What the kernel counts of what it has given out.
#[derive(Debug, PartialEq, Eq)]
struct Figures {
    frames: usize,
    tasks: usize,
    open_files: usize,
    heap: usize,
}

/// Queues and tables of the kernel stay as large as they have once been: so many bytes more may be in use afterwards.
const ROOM: usize = 128 << 10;

impl Figures {
    fn now() -> Result<Self> {
        Ok(Self { frames: frames_in_use()?, tasks: tasks()?, open_files: open_files()?, heap: heap_bytes()? })
    }

    /// When nothing more comes back.
    fn settled() -> Result<Self> {
        let (mut last, mut since) = (Self::now()?, now());
        while now() - since < SETTLE {
            nanosleep(Duration::from_millis(20))?;
            let current = Self::now()?;
            if current != last {
                (last, since) = (current, now());
            }
        }
        Ok(last)
    }

    fn are_more_than(&self, before: &Self) -> bool {
        self.frames > before.frames
            || self.tasks > before.tasks
            || self.open_files > before.open_files
            || self.heap > before.heap + ROOM
    }
}

/// The activities with `name` in theirs, and their places.
fn chosen(name: &str) -> impl Iterator<Item = (usize, &'static (&'static str, Activity))> {
    ACTIVITIES.iter().enumerate().filter(move |(_, (other, _))| other.contains(name))
}

/// Has the chosen activities go on for some time; false if one of them was wrong or got stuck.
fn run(shared: &'static Shared, soak: &Soak) -> Result<bool> {
    shared.stop.store(false, Ordering::Relaxed);
    let mut children = [None; ACTIVITIES.len()];
    for (index, (name, activity)) in chosen(soak.name) {
        let child = fork(|| {
            let result = activity(&Progress { shared, index });
            if result != Ok(true) {
                println!("soak: {name}: {result:?}");
                shared.stop.store(true, Ordering::Relaxed);
            }
            u8::from(result != Ok(true))
        })?;
        children[index] = Some(child);
    }
    if !watch(shared, soak)? {
        return Ok(false);
    }
    shared.stop.store(true, Ordering::Relaxed);
    let mut right = true;
    for (child, (name, _)) in children.into_iter().zip(ACTIVITIES) {
        let status = child.map_or(Ok(Some(0)), |child| status_within(child, soak.patience))?;
        if status.is_none() {
            println!("soak: {name} does not end");
            return Ok(false);
        }
        right &= status == Some(0);
    }
    Ok(right)
}

/// How a child ends, unless it does not for so long.
fn status_within(child: usize, patience: Duration) -> Result<Option<i32>> {
    let end = now() + patience;
    loop {
        match wait(child as isize, abi::WNOHANG)? {
            (0, _) if now() > end => return Ok(None),
            (0, _) => nanosleep(Duration::from_millis(5))?,
            (_, status) => return Ok(Some(status)),
        }
    }
}

/// Reports until the time is over, or one was wrong; false if one got stuck.
fn watch(shared: &Shared, soak: &Soak) -> Result<bool> {
    let (start, mut reported) = (now(), now());
    let mut seen = [(0, start); ACTIVITIES.len()];
    while now() - start < soak.time && !shared.stop.load(Ordering::Relaxed) {
        nanosleep(Duration::from_millis(100))?;
        for (index, (name, _)) in chosen(soak.name) {
            let (count, since) = &mut seen[index];
            let current = shared.counts[index].load(Ordering::Relaxed);
            if current != *count {
                (*count, *since) = (current, now());
            } else if now() - *since > soak.patience {
                println!("soak: {name} stopped at {count}");
                return Ok(false);
            }
        }
        if now() - reported >= REPORT {
            reported = now();
            report(shared, reported - start);
        }
    }
    // In the warm-up too: it takes a page of the stack, perhaps, which must be there before anything is counted.
    report(shared, now() - start);
    Ok(true)
}

fn report(shared: &Shared, time: Duration) {
    let counts: [_; ACTIVITIES.len()] =
        from_fn(|index| (ACTIVITIES[index].0, shared.counts[index].load(Ordering::Relaxed)));
    println!("soak: {} s {counts:?}", time.as_secs());
}
