//! The architected counter: time without a system call, so that a loop can wait for something without entering the
//! kernel.

use core::arch::asm;
use core::time::Duration;

/// Time since the counter started.
pub fn now() -> Duration {
    let (counter, frequency): (u64, u64);
    // SAFETY: reads two registers that user mode may read. The barrier keeps the read from being done early.
    unsafe {
        asm!("isb", "mrs {}, cntvct_el0", "mrs {}, cntfrq_el0", out(reg) counter, out(reg) frequency, options(nostack))
    };
    Duration::from_nanos((u128::from(counter) * 1_000_000_000 / u128::from(frequency)) as u64)
}

/// Runs in user mode for `time`.
pub fn spin_for(time: Duration) {
    let end = now() + time;
    while now() < end {}
}

/// Runs in user mode until `condition` holds; false if `limit` passes first.
pub fn spin_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = now() + limit;
    while !condition() {
        if now() > end {
            return false;
        }
    }
    true
}
