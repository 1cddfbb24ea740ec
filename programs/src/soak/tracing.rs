//! Processes that are traced: stopped, looked at and changed, let go on, and left alone by a tracer that ends.

use core::arch::naked_asm;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use super::Progress;
use crate::runtime::process::{fork, wait};
use crate::runtime::ptrace::{AT_SYSTEM_CALL, EXITKILL, General, TRACESYSGOOD, Traced, Vectors, stopped};
use crate::runtime::syscall::{Errno, Result, abi, errno, kill, mmap_shared, nanosleep};

const CALLS: usize = 6;
/// Twice around, and more.
const STEPS: usize = 30;

/// What all of them share.
struct Shared {
    /// How many calls the traced one has made.
    counted: AtomicU64,
    /// A tracer is about to wait for it.
    waits: AtomicU64,
}

/// A child makes calls and counts them; its parent attaches, follows it, and detaches; tracers that end do not.
pub fn tracing(progress: &Progress) -> Result<bool> {
    // SAFETY: zeros are numbers, and the memory stays for ever.
    let shared: &Shared = unsafe { &*mmap_shared(size_of::<Shared>())?.cast() };
    let counted = &shared.counted;
    let mut pattern = 1_u64;
    loop {
        pattern = pattern.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        // SAFETY: it does not come back, and keeps to what it is passed.
        let child = fork(|| unsafe { make_calls(counted, pattern) })?;
        goes_on(counted)?;
        let right = follow(child, pattern)? && goes_on(counted)? && is_left(child, 0)? && goes_on(counted)?;
        // The last tracer takes it along, or loses it.
        let right = right && if pattern & 2 == 0 { is_left(child, EXITKILL)? } else { is_lost(child, shared)? };
        let right = right && wait(child as isize, 0)?.1 == abi::SIGKILL as i32;
        if !right {
            _ = kill(child, abi::SIGKILL);
            return Ok(false);
        }
        if !progress.again() {
            return Ok(true);
        }
    }
}

/// Waits until the child has counted further. One that never does has been forgotten.
fn goes_on(counted: &AtomicU64) -> Result<bool> {
    let before = counted.load(Ordering::Relaxed);
    while counted.load(Ordering::Relaxed) == before {
        nanosleep(Duration::from_micros(100))?;
    }
    Ok(true)
}

/// Stops it, looks at all its registers and changes some, follows it through some calls, and lets it alone.
fn follow(child: usize, pattern: u64) -> Result<bool> {
    const AT_CALL: i32 = stopped(abi::SIGTRAP) | AT_SYSTEM_CALL << 8;
    let traced = Traced::attach(child)?;
    let mut right = traced.wait()? == stopped(abi::SIGSTOP);
    traced.set_options(TRACESYSGOOD)?;
    let general: General = traced.registers()?;
    let mut vectors: Vectors = traced.registers()?;
    right &= general.x[20] == pattern && vectors.v[8] == [pattern, pattern];
    vectors.v[9] = [pattern, !pattern];
    traced.set_registers(&vectors)?;
    for _ in 0..CALLS {
        right &= traced.go_to_system_call()? == AT_CALL;
        let General { x, .. } = traced.registers()?;
        right &= x[8] == u64::from(abi::__NR_sched_yield) && x[20] == pattern;
    }
    let after: Vectors = traced.registers()?;
    right &= after.v[8] == vectors.v[8] && after.v[9] == vectors.v[9];
    let right = right && step(traced)?;
    traced.detach()?;
    Ok(right)
}

/// Goes around in [`make_calls`] by single steps, each of which is one stop.
fn step(traced: Traced) -> Result<bool> {
    let begin = make_calls as *const () as u64;
    let mut before = traced.registers::<General>()?.pc;
    for _ in 0..STEPS {
        let status = traced.step(0)?;
        let General { pc, .. } = traced.registers()?;
        if status != stopped(abi::SIGTRAP) || pc == before || !(begin..begin + LENGTH).contains(&pc) {
            return Ok(false);
        }
        before = pc;
    }
    Ok(true)
}

/// Another process attaches, follows it through a call, and ends: by itself, or killed while it waits.
fn is_left(child: usize, options: usize) -> Result<bool> {
    let tracer = fork(|| {
        let trace = || -> Result<bool> {
            let traced = Traced::attach(child)?;
            let mut right = traced.wait()? == stopped(abi::SIGSTOP);
            traced.set_options(options)?;
            right &= traced.go_to_system_call()? == stopped(abi::SIGTRAP);
            right &= traced.registers::<General>()?.x[8] == u64::from(abi::__NR_sched_yield);
            Ok(right)
        };
        u8::from(trace() != Ok(true))
    })?;
    Ok(wait(tracer as isize, 0)?.1 == 0)
}

/// More bytes than there are in it.
const LENGTH: u64 = 100;

/// Another process attaches, and waits for what it does next; it is killed, and there is nothing to wait for any more.
fn is_lost(child: usize, shared: &Shared) -> Result<bool> {
    shared.waits.store(0, Ordering::Relaxed);
    let tracer = fork(|| {
        let trace = || -> Result<bool> {
            let traced = Traced::attach(child)?;
            let right = traced.wait()? == stopped(abi::SIGSTOP);
            shared.waits.store(1, Ordering::Relaxed);
            Ok(right && matches!(traced.go_on(0), Err(Errno(errno::ECHILD)) | Ok(KILLED)))
        };
        u8::from(trace() != Ok(true))
    })?;
    while shared.waits.load(Ordering::Relaxed) == 0 {
        nanosleep(Duration::from_micros(100))?;
    }
    goes_on(&shared.counted)?;
    kill(child, abi::SIGKILL)?;
    Ok(wait(tracer as isize, 0)?.1 == 0)
}

/// The wait status of who was killed: what Linux tells.
const KILLED: i32 = abi::SIGKILL as i32;

/// Makes calls and counts them, with a pattern in registers of both kinds; ends if one of them changes.
///
/// # Safety
/// The count is shared and stays.
#[unsafe(naked)]
unsafe extern "C" fn make_calls(counted: &AtomicU64, pattern: u64) -> ! {
    naked_asm!(
        ".arch_extension simd",
        "mov x19, x0",
        "mov x20, x1",
        "dup v8.2d, x1",
        "1:",
        "mov x8, {sched_yield}",
        "svc 0",
        "umov x2, v8.d[0]",
        "umov x3, v8.d[1]",
        "cmp x2, x20",
        "ccmp x3, x20, 0, eq",
        "b.ne 2f",
        "ldr x2, [x19]",
        "add x2, x2, 1",
        "str x2, [x19]",
        "b 1b",
        "2:",
        "mov x0, 1",
        "mov x8, {exit_group}",
        "svc 0",
        sched_yield = const abi::__NR_sched_yield,
        exit_group = const abi::__NR_exit_group,
    )
}
