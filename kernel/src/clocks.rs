//! The clocks that user mode asks for by number, all made of one counter and of what tasks have run.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use linux_raw_sys::general as linux;
use vestibule::Process as ProcessContext;

use crate::cpu_time::{self, HERTZ};
use crate::process::Process;
use crate::reference::Cpu;
use crate::task::Task;
use crate::wait::{self, Interrupted, WaitQueue};
use crate::{processes, timer};

/// A second in nanoseconds.
pub const SECOND: u64 = 1_000_000_000;

/// What to add to the counter's clock for the time of day. Wraps round: the time of day may be set to before the boot.
static REAL_OFFSET: AtomicU64 = AtomicU64::new(0);
/// Woken when the time of day is set.
static REAL_SET: WaitQueue = WaitQueue::new();

/// A clock.
#[derive(Clone)]
pub enum Clock {
    /// The time of day, in nanoseconds since 1970.
    Real,
    /// Since the counter started; nobody sets it.
    Monotonic,
    /// How long all tasks of a process have run.
    Process(Arc<Process>),
    /// How long a task has run.
    Task(Arc<Task>),
}

impl Clock {
    /// The clock of that number, for a task that asks.
    pub fn of(number: u32, cpu: &Cpu<ProcessContext>) -> Option<Clock> {
        match number {
            linux::CLOCK_REALTIME | linux::CLOCK_REALTIME_COARSE | linux::CLOCK_TAI => Some(Clock::Real),
            linux::CLOCK_MONOTONIC
            | linux::CLOCK_MONOTONIC_RAW
            | linux::CLOCK_MONOTONIC_COARSE
            | linux::CLOCK_BOOTTIME => Some(Clock::Monotonic),
            linux::CLOCK_PROCESS_CPUTIME_ID => Task::current(cpu).process().cloned().map(Clock::Process),
            linux::CLOCK_THREAD_CPUTIME_ID => Some(Clock::Task(Task::current_shared(cpu))),
            _ if (number as i32) < 0 => Clock::of_other(number, cpu),
            _ => None,
        }
    }

    /// A negative number is made of another process's or task's, inverted, and three bits: whether it is a task's, and what
    /// counts. Here everything counts.
    fn of_other(number: u32, cpu: &Cpu<ProcessContext>) -> Option<Clock> {
        const TASK: u32 = 1 << 2;
        const KIND: u32 = 0b11;
        const NO_CPU_TIME: u32 = 0b11;
        let id = !((number as i32) >> 3) as u32;
        match (number & TASK != 0, id) {
            _ if number & KIND == NO_CPU_TIME => None,
            (true, 0) => Some(Clock::Task(Task::current_shared(cpu))),
            (true, id) => processes::find_task(id).map(Clock::Task),
            (false, 0) => Task::current(cpu).process().cloned().map(Clock::Process),
            (false, id) => processes::find(id).map(Clock::Process),
        }
    }

    /// What it shows, in nanoseconds.
    pub fn now(&self, cpu: &mut Cpu<ProcessContext>) -> u64 {
        match self {
            Clock::Real => real(),
            Clock::Monotonic => timer::nanoseconds(),
            Clock::Process(process) => {
                cpu_time::charge(cpu);
                process.usage().nanoseconds
            }
            Clock::Task(task) => {
                cpu_time::charge(cpu);
                task.cpu_time.usage().nanoseconds
            }
        }
    }
}

/// How exact the clock of that number is, in nanoseconds.
pub fn resolution(number: u32) -> u64 {
    match number {
        linux::CLOCK_REALTIME_COARSE | linux::CLOCK_MONOTONIC_COARSE => SECOND / HERTZ,
        _ => 1,
    }
}

/// The time of day.
pub fn real() -> u64 {
    timer::nanoseconds().wrapping_add(REAL_OFFSET.load(Ordering::Relaxed))
}

/// Sets the time of day.
pub fn set_real(nanoseconds: u64) {
    REAL_OFFSET.store(nanoseconds.wrapping_sub(timer::nanoseconds()), Ordering::Relaxed);
    REAL_SET.wake_all();
}

/// When the counter's clock shows what is `time` of day now, unless that is set before.
pub fn when_real(time: u64) -> u64 {
    let now = timer::nanoseconds();
    now.saturating_add(time.saturating_sub(now.wrapping_add(REAL_OFFSET.load(Ordering::Relaxed))))
}

/// Sleeps until it is `time` of day, whoever sets that meanwhile.
pub fn sleep_until_real(cpu: &mut Cpu<ProcessContext>, time: u64) -> Result<(), Interrupted> {
    loop {
        let offset = REAL_OFFSET.load(Ordering::Relaxed);
        let was_set = || REAL_OFFSET.load(Ordering::Relaxed) != offset;
        if !wait::on_any(cpu, &[&REAL_SET], Some(when_real(time)), was_set)? {
            return Ok(());
        }
    }
}
