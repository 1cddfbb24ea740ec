//! The EL1 virtual timer: a clock in nanoseconds, the periodic tick, and interrupts between ticks.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::percpu::MAX_CPUS;
use crate::registers::{read_register, write_register};

const ENABLE: u64 = 1;
const MASKED: u64 = 1 << 1;

/// Counter steps between ticks.
static TICK: AtomicU64 = AtomicU64::new(0);
/// When each CPU ticks next.
static NEXT_TICK: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];
/// Nanoseconds in a counter step, and counter steps in a nanosecond, both times two to the [`SHIFT`].
static NANOSECONDS_A_STEP: AtomicU64 = AtomicU64::new(0);
static STEPS_A_NANOSECOND: AtomicU64 = AtomicU64::new(0);
const SHIFT: u32 = 32;
const SECOND: u64 = 1_000_000_000;

static INTERRUPT: AtomicU32 = AtomicU32::new(0);

/// Learns how fast the counter is, and which interrupt the timer raises. Once, on the first CPU, before anybody asks.
pub fn init(interrupt: u32) {
    INTERRUPT.store(interrupt, Ordering::Relaxed);
    let frequency = read_register!("cntfrq_el0");
    NANOSECONDS_A_STEP.store((SECOND << SHIFT) / frequency, Ordering::Relaxed);
    STEPS_A_NANOSECOND.store((frequency << SHIFT) / SECOND, Ordering::Relaxed);
}

/// The interrupt that it raises.
pub fn interrupt() -> u32 {
    INTERRUPT.load(Ordering::Relaxed)
}

/// Nanoseconds since the counter started; never goes back, the same on every CPU.
pub fn nanoseconds() -> u64 {
    nanoseconds_at(counter())
}

/// What the clock shows when the counter is `counter`.
pub fn nanoseconds_at(counter: u64) -> u64 {
    scaled(counter, &NANOSECONDS_A_STEP)
}

/// The first counter value at which the clock shows `nanoseconds` or more.
pub fn counter_at(nanoseconds: u64) -> u64 {
    let mut counter = 0_u64;
    // Both factors are rounded down, so this comes from below; what is missing after the first time is next to nothing.
    loop {
        match nanoseconds.saturating_sub(nanoseconds_at(counter)) {
            0 => return counter,
            missing => counter = counter.saturating_add(scaled(missing, &STEPS_A_NANOSECOND).max(1)),
        }
    }
}

/// A multiplication, because there is no division that wide.
fn scaled(value: u64, scale: &AtomicU64) -> u64 {
    let scaled = (u128::from(value) * u128::from(scale.load(Ordering::Relaxed))) >> SHIFT;
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// The counter that the clock is made of.
pub fn counter() -> u64 {
    // The barrier keeps the counter from being read ahead of what comes before.
    let value: u64;
    // SAFETY: reads a counter; not `nomem`, so memory accesses stay on their side.
    unsafe { core::arch::asm!("isb", "mrs {}, cntvct_el0", out(reg) value, options(nostack, preserves_flags)) };
    value
}

/// Stops this CPU's timer and lets EL0 read the counter. On each CPU, once.
pub fn init_cpu() {
    const EL0_VIRTUAL_COUNTER: u64 = 1 << 1;
    // SAFETY: a masked timer raises nothing; reading the counter gives EL0 nothing but the time.
    unsafe {
        write_register!("cntv_ctl_el0", MASKED);
        write_register!("cntkctl_el1", EL0_VIRTUAL_COUNTER);
    }
}

/// This CPU, number `cpu` of `cpus`, ticks `hertz` times a second from now on: the timer's interrupt is raised then, and
/// stays raised until [`next_tick`].
///
/// The CPUs tick in turn, at even distances: ticks of all at once would contend for what they share, and none could do
/// anything between two ticks of another.
pub fn start_tick(hertz: u64, cpu: usize, cpus: usize) {
    let step = read_register!("cntfrq_el0") / hertz;
    TICK.store(step, Ordering::Relaxed);
    let turn = step * cpu as u64 / cpus as u64;
    let first = (counter() + step).next_multiple_of(step) + turn;
    NEXT_TICK[cpu].store(first, Ordering::Relaxed);
    // SAFETY: raises an interrupt, which is what the caller asks for.
    unsafe {
        write_register!("cntv_cval_el0", first);
        write_register!("cntv_ctl_el0", ENABLE);
    }
}

/// The timer's interrupt came on CPU `cpu`, this one. True if it is a tick. Lowers the interrupt until the next tick, one
/// period after the last; ticks that were missed are skipped.
pub fn next_tick(cpu: usize) -> bool {
    let (due, now) = (NEXT_TICK[cpu].load(Ordering::Relaxed), counter());
    let is_tick = now >= due;
    let mut next = due;
    if is_tick {
        let step = TICK.load(Ordering::Relaxed);
        // Seldom more than one: no division.
        while next <= now {
            next += step;
        }
        NEXT_TICK[cpu].store(next, Ordering::Relaxed);
    }
    // SAFETY: moves the interrupt to a later time.
    unsafe { write_register!("cntv_cval_el0", next) };
    is_tick
}

/// When CPU `cpu` ticks next, by the counter.
pub fn tick_due(cpu: usize) -> u64 {
    NEXT_TICK[cpu].load(Ordering::Relaxed)
}

/// Has this CPU, number `cpu`, interrupted at that counter value, unless it ticks before.
pub fn interrupt_by(cpu: usize, counter: u64) {
    let next = counter.min(NEXT_TICK[cpu].load(Ordering::Relaxed));
    // SAFETY: moves the interrupt to where somebody waits for it.
    unsafe { write_register!("cntv_cval_el0", next) };
}

/// Stops this CPU's tick.
pub fn stop_tick() {
    // SAFETY: a masked timer raises nothing.
    unsafe { write_register!("cntv_ctl_el0", MASKED) };
}
