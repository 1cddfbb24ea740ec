//! A sampling profiler. Where NMIs are, it sees code with interrupts off as it sees any other; `/proc/profile` is how it is used.
//!
//! ```text
//! echo start 1000 5000 > /proc/profile     a thousand samples a second on each CPU, 5,000 in all
//! echo wait > /proc/profile                until they are taken
//! cat /proc/profile                        how many in which function
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use vestibule::{Level, Machine as _, Process};
use vestibule_arm64::{Frame, this_cpu};

use crate::errno::{Errno, Result};
use crate::nmi_work::{self, Work};
use crate::options::MOST_NMIS;
use crate::reference::{Cpu, Machine};
use crate::wait::WaitQueue;
use crate::{interrupts, percpu, sampling, symbols};

/// The SGI that has each CPU take the new period.
pub const INTERRUPT: u32 = 2;

/// As many functions as there can be names of.
const FUNCTIONS: usize = 1 << 13;
/// Each function's samples; the last is for code without a name.
static SAMPLES: [AtomicU64; FUNCTIONS] = [const { AtomicU64::new(0) }; FUNCTIONS];
static IN_USER_MODE: AtomicU64 = AtomicU64::new(0);
static WITH_INTERRUPTS_OFF: AtomicU64 = AtomicU64::new(0);
/// How many are still to be taken.
static LEFT: AtomicI64 = AtomicI64::new(0);
static WAITERS: WaitQueue = WaitQueue::new();

/// The cycle counter's interrupt, perhaps an NMI, has interrupted this on CPU `number`.
pub fn sample(number: usize, frame: &Frame) {
    if LEFT.load(Ordering::Relaxed) <= 0 {
        return;
    }
    let left = LEFT.fetch_sub(1, Ordering::Relaxed);
    if left <= 0 {
        return;
    }
    if frame.from_user() {
        IN_USER_MODE.fetch_add(1, Ordering::Relaxed);
    } else {
        let function = symbols::function(frame.pc).unwrap_or(FUNCTIONS - 1).min(FUNCTIONS - 1);
        SAMPLES[function].fetch_add(1, Ordering::Relaxed);
        if !matches!(Machine::interrupted(frame), Level::Process) {
            WITH_INTERRUPTS_OFF.fetch_add(1, Ordering::Relaxed);
        }
    }
    if left == 1 {
        nmi_work::queue(number, Work::ProfileIsDone);
    }
}

/// What was written to `/proc/profile`.
pub fn command(cpu: &mut Cpu<Process>, text: &[u8]) -> Result<()> {
    let mut words = core::str::from_utf8(text).map_err(|_| Errno::EINVAL)?.split_ascii_whitespace();
    let what = words.next();
    let mut number = || words.next()?.parse::<u32>().ok().filter(|number| *number > 0);
    match what {
        Some("start") => {
            let (Some(hertz), Some(samples)) = (number(), number()) else { return Err(Errno::EINVAL) };
            start(cpu, u64::from(hertz), i64::from(samples));
            Ok(())
        }
        Some("stop") => {
            LEFT.store(0, Ordering::Relaxed);
            set_period(cpu, None);
            wake_waiters();
            Ok(())
        }
        Some("wait") => WAITERS
            .wait_interruptibly(cpu, || LEFT.load(Ordering::Relaxed) <= 0)
            .map_err(|_| Errno::EINTR)
            .map(|()| set_period(cpu, None)),
        _ => Err(Errno::EINVAL),
    }
}

/// Samples are taken from the beginning, before any CPU's counter runs.
pub fn run_for_ever(hertz: u64) {
    LEFT.store(i64::MAX, Ordering::Relaxed);
    sampling::set_period(Some(1_000_000_000 / hertz));
}

fn start(cpu: &mut Cpu<Process>, hertz: u64, samples: i64) {
    LEFT.store(0, Ordering::Relaxed);
    for counter in SAMPLES.iter().chain([&IN_USER_MODE, &WITH_INTERRUPTS_OFF]) {
        counter.store(0, Ordering::Relaxed);
    }
    LEFT.store(samples, Ordering::Relaxed);
    set_period(cpu, Some(1_000_000_000 / hertz.min(u64::from(MOST_NMIS))));
}

fn set_period(cpu: &mut Cpu<Process>, nanoseconds: Option<u64>) {
    sampling::set_period(nanoseconds);
    let off = cpu.preempt_off();
    let here = this_cpu(&*off).number();
    sampling::begin();
    percpu::online().filter(|number| *number != here).for_each(|number| interrupts::send(number, INTERRUPT));
}

/// The last sample has been taken.
pub fn wake_waiters() {
    WAITERS.wake_all();
}

/// What there is to read: all samples, and the functions that have any, most first.
pub fn report() -> Vec<u8> {
    let samples = SAMPLES.iter().map(|samples| samples.load(Ordering::Relaxed)).zip(0..);
    let mut functions: Vec<(u64, usize)> = samples.filter(|(samples, _)| *samples > 0).collect();
    functions.sort_unstable_by(|left, right| right.cmp(left));
    let user = IN_USER_MODE.load(Ordering::Relaxed);
    let all = user + functions.iter().map(|(samples, _)| samples).sum::<u64>();
    let off = WITH_INTERRUPTS_OFF.load(Ordering::Relaxed);
    let mut text = String::new();
    // What a write into a string gives is always fine.
    _ = writeln!(text, "{all} samples, {user} in user mode, {off} with interrupts off");
    for (samples, function) in functions {
        _ = writeln!(text, "{samples:>8} {}", symbols::name(function).unwrap_or("no name"));
    }
    text.into_bytes()
}
