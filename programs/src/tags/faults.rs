//! What the program is told of checks that failed.

use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::memory::masked;
use crate::runtime::process::{self, set_action};
use crate::runtime::syscall::{Result, abi};

/// Told of synchronous ones, of asynchronous ones, and of something else.
static SYNC: AtomicU32 = AtomicU32::new(0);
static ASYNC: AtomicU32 = AtomicU32::new(0);
static OTHER: AtomicU32 = AtomicU32::new(0);
/// The address that came with the last one.
static ADDRESS: AtomicUsize = AtomicUsize::new(0);
/// The interrupted PC of the last one.
static PC: AtomicUsize = AtomicUsize::new(0);
/// How often checks were masked in the handler.
static MASKED: AtomicU32 = AtomicU32::new(0);

/// How many there have been: synchronous, asynchronous, others.
pub fn told() -> (u32, u32, u32) {
    let [sync, asynchronous, other] = [&SYNC, &ASYNC, &OTHER].map(|count| count.load(Ordering::Acquire));
    (sync, asynchronous, other)
}

pub fn address() -> usize {
    ADDRESS.load(Ordering::Relaxed)
}

pub fn pc() -> usize {
    PC.load(Ordering::Relaxed)
}

pub fn handlers_were_masked() -> bool {
    MASKED.load(Ordering::Relaxed) != 0
}

/// From here on faults are counted. An instruction that faulted is stepped over; after an asynchronous fault everything goes on.
pub fn count() -> Result<()> {
    set_action(abi::SIGSEGV, note as *const () as usize, abi::SA_SIGINFO, 0)
}

/// # Safety
/// The kernel calls it, as the handler of a signal.
unsafe extern "C" fn note(_: c_int, information: *const u64, context: *mut u8) {
    if masked() {
        MASKED.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the kernel passes a siginfo_t and a ucontext_t, which are this handler's.
    let (code, pc) = unsafe {
        ADDRESS.store(information.add(2).read() as usize, Ordering::Relaxed);
        (information.add(1).read() as u32, &mut *context.add(process::PC).cast::<u64>())
    };
    PC.store(*pc as usize, Ordering::Relaxed);
    let count = match code {
        abi::SEGV_MTESERR => &SYNC,
        abi::SEGV_MTEAERR => &ASYNC,
        _ => &OTHER,
    };
    // Only an access that was not made has an address, whatever the code says.
    if address() != 0 {
        *pc += 4;
    }
    count.fetch_add(1, Ordering::Release);
}
