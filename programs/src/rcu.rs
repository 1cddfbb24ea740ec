//! `rcu [MILLISECONDS]`, `rcu stall`: readers and writers of the kernel's RCU on all CPUs, among threads that keep user mode busy and
//! threads that sleep, so that CPUs pass in every way there is; then one writer alone, while the ticks of CPUs that have
//! nothing to do read. No reader may see what it reads freed. Or one reader who does
//! not come to an end for so long that the kernel reports it.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use crate::runtime::clock;
use crate::runtime::print::println;
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Result, nanosleep, sched_yield, usable_cpus};
use crate::runtime::test_calls::{rcu_in_ticks, rcu_reader, rcu_writer};
use crate::runtime::thread::{Thread, spawn};

static OVER: AtomicBool = AtomicBool::new(false);
static READ: AtomicU32 = AtomicU32::new(0);
static WAITED: AtomicU32 = AtomicU32::new(0);
static FAILED: AtomicBool = AtomicBool::new(false);

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    if arguments.get(1) == Some("stall") {
        return stall();
    }
    let time = Duration::from_millis(arguments.number(1).unwrap_or(1000) as u64);
    let threads = [
        spawn(|| repeat(|turn| read_for(20 + turn % 50))),
        spawn(|| repeat(|turn| read_for(200 * (turn % 3)).and_then(|()| nanosleep(Duration::from_micros(100))))),
        spawn(|| repeat(|_| read_for(1500))),
        spawn(|| repeat(wait_for_readers)),
        spawn(|| repeat(free_later)),
        spawn(|| repeat(stay_in_user_mode)),
    ];
    let started = threads.iter().filter(|thread| thread.is_ok()).count();
    let slept = nanosleep(time);
    OVER.store(true, Ordering::Relaxed);
    let expected = threads.len();
    threads.into_iter().flatten().for_each(Thread::join);

    let beside_idle = write_beside_idle_cpus();

    let (early, freed) = (rcu_reader(Duration::ZERO), rcu_writer(true));
    let (read, waited) = (READ.load(Ordering::Relaxed), WAITED.load(Ordering::Relaxed));
    println!("rcu: {read} sections read, {waited} grace periods waited for, {freed:?} freed");
    match early {
        Ok(0) => println!("rcu: nothing was freed under its readers"),
        early => println!("rcu: readers saw what they read freed: {early:?}"),
    }
    let ran = started == expected && slept.is_ok() && beside_idle.is_ok() && !FAILED.load(Ordering::Relaxed);
    let freed_some = freed.is_ok_and(|freed| freed > 10) && waited > 0;
    u8::from(!ran || !freed_some || early != Ok(0))
}

/// Of so many ticks that read something while it was replaced, one would see it freed.
const TICKS: usize = 20;

/// The other CPUs are in no task of this program's, and pass at once, but in their ticks.
fn write_beside_idle_cpus() -> Result<()> {
    if usable_cpus()? == 1 {
        return Ok(());
    }
    let end = clock::now() + Duration::from_secs(20);
    while rcu_in_ticks(true)? < TICKS && clock::now() < end {
        wait_for_readers(0)?;
    }
    rcu_in_ticks(false).map(|_| ())
}

/// Longer than the kernel waits before it reports.
const STALL: Duration = Duration::from_secs(7);

fn stall() -> u8 {
    // There must be something to read.
    if rcu_writer(false).is_err() {
        return 1;
    }
    let Ok(reader) = spawn(|| _ = rcu_reader(STALL)) else { return 1 };
    // It has begun then.
    let waited = nanosleep(Duration::from_millis(100)).and_then(|()| rcu_writer(true));
    reader.join();
    println!("rcu: a grace period was waited for: {waited:?}");
    u8::from(waited.is_err())
}

fn repeat(turn: impl Fn(u64) -> Result<()>) {
    for number in 0.. {
        if OVER.load(Ordering::Relaxed) {
            return;
        }
        if turn(number).is_err() {
            FAILED.store(true, Ordering::Relaxed);
        }
    }
}

fn read_for(microseconds: u64) -> Result<()> {
    READ.fetch_add(1, Ordering::Relaxed);
    rcu_reader(Duration::from_micros(microseconds)).map(|_| ())
}

fn wait_for_readers(_: u64) -> Result<()> {
    WAITED.fetch_add(1, Ordering::Relaxed);
    rcu_writer(true).map(|_| ())
}

fn free_later(_: u64) -> Result<()> {
    rcu_writer(false)?;
    sched_yield();
    Ok(())
}

fn stay_in_user_mode(_: u64) -> Result<()> {
    clock::spin_for(Duration::from_millis(1));
    Ok(())
}
