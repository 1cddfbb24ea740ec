//! The CPU's cycle counter as a source of interrupts, or of NMIs: it overflows after so many cycles, whatever runs and whatever
//! is masked.

use core::arch::asm;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::registers::{read_register, write_register};
use crate::{gic, timer};

/// The private interrupt of its overflow; zero without a PMU.
static INTERRUPT: AtomicU32 = AtomicU32::new(0);
/// Cycles in a millisecond.
static RATE: AtomicU64 = AtomicU64::new(1);

/// PMCR_EL0: E, C and LC: enabled, from zero, overflows at 64 bits.
const ENABLED: u64 = 1 | 1 << 2 | 1 << 6;
/// The cycle counter among the counters.
const CYCLES: u64 = 1 << 31;

/// The machine has a PMU with that interrupt. Once, on the first CPU, before any other runs: the others take over how fast it counts.
pub fn init(interrupt: u32) {
    start();
    RATE.store(measure(), Ordering::Relaxed);
    INTERRUPT.store(interrupt, Ordering::Relaxed);
}

/// Its interrupt, if there is one.
pub fn interrupt() -> Option<u32> {
    Some(INTERRUPT.load(Ordering::Relaxed)).filter(|interrupt| *interrupt != 0)
}

/// On CPU `cpu`, once: counts, and lets its interrupt through as an NMI.
pub fn init_cpu(cpu: usize) {
    let Some(interrupt) = interrupt() else { return };
    start();
    // SAFETY: an interrupt, in centuries until the counter is set.
    unsafe { write_register!("pmintenset_el1", CYCLES) };
    gic::enable_nmi(cpu, interrupt);
}

/// Counts from zero, in user mode too, where nobody sees it.
fn start() {
    // SAFETY: a counter that nobody else uses.
    unsafe {
        write_register!("pmuserenr_el0", 0_u64);
        write_register!("pmccfiltr_el0", 0_u64);
        write_register!("pmcr_el0", ENABLED);
        write_register!("pmovsclr_el0", CYCLES);
        write_register!("pmcntenset_el0", CYCLES);
    }
}

/// How many cycles a millisecond has.
fn measure() -> u64 {
    let (start, first) = (timer::nanoseconds(), read_register!("pmccntr_el0"));
    while timer::nanoseconds() - start < 1_000_000 {
        core::hint::spin_loop();
    }
    let (passed, cycles) = (timer::nanoseconds() - start, read_register!("pmccntr_el0") - first);
    (cycles * 1_000_000 / passed).max(1)
}

/// Has it overflow on this CPU in `nanoseconds`.
pub fn overflow_after(nanoseconds: u64) {
    let cycles = nanoseconds.saturating_mul(RATE.load(Ordering::Relaxed)) / 1_000_000;
    // SAFETY: an interrupt at another time.
    unsafe { write_register!("pmccntr_el0", cycles.wrapping_neg()) };
}

/// It has overflowed; lowers the interrupt.
pub fn take_overflow() -> bool {
    let overflowed = read_register!("pmovsclr_el0") & CYCLES != 0;
    // SAFETY: lowers an interrupt.
    unsafe { write_register!("pmovsclr_el0", CYCLES) };
    // SAFETY: only orders: the interrupt is low before it ends.
    unsafe { asm!("dsb sy", options(nostack, preserves_flags)) };
    overflowed
}
