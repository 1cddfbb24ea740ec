//! The EL1 virtual timer: a clock in nanoseconds and the periodic tick.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::registers::{read_register, write_register};

const ENABLE: u64 = 1;
const MASKED: u64 = 1 << 1;

/// Counter steps between ticks.
static TICK: AtomicU64 = AtomicU64::new(0);

static INTERRUPT: AtomicU32 = AtomicU32::new(0);

/// Says which interrupt it raises. Once, on the first CPU.
pub fn set_interrupt(interrupt: u32) {
    INTERRUPT.store(interrupt, Ordering::Relaxed);
}

/// The interrupt that it raises.
pub fn interrupt() -> u32 {
    INTERRUPT.load(Ordering::Relaxed)
}

/// Counter steps a second.
pub fn frequency() -> u64 {
    read_register!("cntfrq_el0")
}

/// Nanoseconds since the counter started; never goes back, the same on every CPU.
pub fn nanoseconds() -> u64 {
    let nanoseconds = u128::from(counter()) * 1_000_000_000 / u128::from(frequency());
    nanoseconds as u64
}

fn counter() -> u64 {
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
    let step = frequency() / hertz;
    TICK.store(step, Ordering::Relaxed);
    let turn = step * cpu as u64 / cpus as u64;
    // SAFETY: raises an interrupt, which is what the caller asks for.
    unsafe {
        write_register!("cntv_cval_el0", (counter() + step).next_multiple_of(step) + turn);
        write_register!("cntv_ctl_el0", ENABLE);
    }
}

/// Lowers the interrupt and sets the next tick, one period after the last; ticks that were missed are skipped. Called by
/// the interrupt's handler.
pub fn next_tick() {
    let step = TICK.load(Ordering::Relaxed);
    let due = read_register!("cntv_cval_el0");
    let now = counter();
    let missed = now.saturating_sub(due) / step;
    // SAFETY: moves the interrupt to a later time.
    unsafe { write_register!("cntv_cval_el0", due + (missed + 1) * step) };
}

/// Stops this CPU's tick.
pub fn stop_tick() {
    // SAFETY: a masked timer raises nothing.
    unsafe { write_register!("cntv_ctl_el0", MASKED) };
}
