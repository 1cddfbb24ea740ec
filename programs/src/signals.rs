//! `signals`: handlers, and what they interrupt: masks, stacks, restarts, faults.

use core::arch::asm;
use core::ptr::from_ref;
use core::sync::atomic::Ordering;
use core::time::Duration;

use crate::runtime::print::println;
use crate::runtime::process::{HANDLED, fork, handle, handled, set_action, set_blocked, set_of, wait};
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{
    Result, abi, call, check, errno, getpid, gettid, kill, mmap, nanosleep, pipe, read, tgkill, write,
};
use crate::runtime::tests::{self, Test};

/// The program.
pub fn main(_: Arguments) -> u8 {
    let tests: [Test; 9] = [
        ("a handler is called and comes back", handler),
        ("blocked signals wait", blocked),
        ("the handler's signal is blocked meanwhile, and not afterwards", mask),
        ("a read is restarted, or not", restart),
        ("sigsuspend waits with another mask", suspend),
        ("a fault tells its address and can be skipped", fault),
        ("the alternate stack is used, and only then", alternate),
        ("real-time signals queue", queue),
        ("a forged frame ends the process", forged),
    ];
    let wrong = tests::run("signals", &tests);
    println!("signals: {} tests, {wrong} failed", tests.len());
    u8::from(wrong > 0)
}

fn raise(signal: u32) -> Result<()> {
    tgkill(getpid(), gettid(), signal)
}

fn handler() -> Result<bool> {
    handle(abi::SIGUSR1, 0, 0)?;
    let (before, kept): (u32, u64) = (handled(), 0x1234_5678_9abc_def0);
    let survived: u64;
    let (process, thread) = (getpid(), gettid());
    // SAFETY: a system call, and a register that it has no business with.
    unsafe {
        asm!("svc 0", in("x8") abi::__NR_tgkill, inlateout("x0") process => _, in("x1") thread, in("x2") abi::SIGUSR1,
             inlateout("x20") kept => survived, options(nostack));
    }
    let sender = HANDLED.origin.load(Ordering::Relaxed) as u32 as usize;
    Ok(handled() == before + 1 && survived == kept && sender == getpid())
}

fn blocked() -> Result<bool> {
    let before = handled();
    let mask = set_blocked(set_of(abi::SIGUSR1))?;
    raise(abi::SIGUSR1)?;
    raise(abi::SIGUSR1)?;
    let waited = handled() == before;
    set_blocked(mask)?;
    Ok(waited && handled() == before + 1)
}

fn mask() -> Result<bool> {
    handle(abi::SIGUSR2, 0, set_of(abi::SIGTERM))?;
    raise(abi::SIGUSR2)?;
    let after = set_blocked(0)?;
    Ok(after == 0)
}

/// A child sends the signal while its parent reads, and writes a while later.
fn restart() -> Result<bool> {
    let parent = getpid();
    let read_during_signal = |flags| -> Result<Result<usize>> {
        handle(abi::SIGUSR1, flags, 0)?;
        let [from, to] = pipe()?;
        let child = fork(|| {
            _ = nanosleep(Duration::from_millis(30));
            _ = kill(parent, abi::SIGUSR1);
            _ = nanosleep(Duration::from_millis(30));
            _ = write(to, b"x");
            0
        })?;
        let mut byte = [0];
        let result = read(from, &mut byte);
        // It may be interrupted itself.
        while wait(child as isize, 0).is_err_and(|why| why.0 == errno::EINTR) {}
        Ok(result)
    };
    let before = handled();
    let restarted = read_during_signal(abi::SA_RESTART)?;
    let interrupted = read_during_signal(0)?;
    Ok(restarted == Ok(1) && interrupted.is_err_and(|why| why.0 == errno::EINTR) && handled() == before + 2)
}

fn suspend() -> Result<bool> {
    let before = handled();
    handle(abi::SIGUSR1, 0, 0)?;
    set_blocked(set_of(abi::SIGUSR1))?;
    raise(abi::SIGUSR1)?;
    let nothing = 0_u64;
    // SAFETY: reads a word of this function's.
    let result = check(unsafe { call(abi::__NR_rt_sigsuspend, [from_ref(&nothing) as usize, 8, 0, 0, 0, 0]) });
    let mask = set_blocked(0)?;
    let interrupted = result.is_err_and(|why| why.0 == errno::EINTR);
    Ok(interrupted && handled() == before + 1 && mask == set_of(abi::SIGUSR1))
}

fn fault() -> Result<bool> {
    handle(abi::SIGSEGV, 0, 0)?;
    HANDLED.skip.store(4, Ordering::Relaxed);
    let before = handled();
    // SAFETY: the handler steps over the load, which is of nothing.
    unsafe { asm!("ldr {0}, [{1}]", out(reg) _, in(reg) 0x10_usize, options(nostack)) };
    HANDLED.skip.store(0, Ordering::Relaxed);
    set_action(abi::SIGSEGV, 0, 0, 0)?;
    let (code, address) = (HANDLED.code.load(Ordering::Relaxed), HANDLED.origin.load(Ordering::Relaxed));
    Ok(handled() == before + 1 && code == u64::from(abi::SEGV_MAPERR) && address == 0x10)
}

fn alternate() -> Result<bool> {
    const SIZE: usize = 16 << 10;
    let base = mmap(SIZE)? as usize;
    let stack = [base as u64, 0, SIZE as u64];
    let is_on_it = || (base..base + SIZE).contains(&(HANDLED.stack.load(Ordering::Relaxed) as usize));
    // SAFETY: fresh memory, which is nobody else's.
    check(unsafe { call(abi::__NR_sigaltstack, [from_ref(&stack) as usize, 0, 0, 0, 0, 0]) })?;
    handle(abi::SIGUSR1, abi::SA_ONSTACK, 0)?;
    raise(abi::SIGUSR1)?;
    let used = is_on_it();
    handle(abi::SIGUSR1, 0, 0)?;
    raise(abi::SIGUSR1)?;
    Ok(used && !is_on_it())
}

fn queue() -> Result<bool> {
    const FIRST_REAL_TIME: u32 = 34;
    handle(FIRST_REAL_TIME, 0, 0)?;
    let before = handled();
    set_blocked(set_of(FIRST_REAL_TIME))?;
    for _ in 0..5 {
        raise(FIRST_REAL_TIME)?;
    }
    set_blocked(0)?;
    Ok(handled() == before + 5)
}

/// What user mode would like to go on as: the kernel, or with interrupts masked.
fn forged() -> Result<bool> {
    const PSTATE: usize = 304 + 272;
    let mut right = true;
    for pstate in [0b0101_u64, 0x3c0, 1 << 4, 1 << 21] {
        let child = fork(|| {
            let mut frame = [0_u64; 4704 / 8];
            frame[PSTATE / 8] = pstate;
            // SAFETY: the process ends.
            unsafe {
                asm!("mov sp, {}", "svc 0", in(reg) &raw const frame, in("x8") abi::__NR_rt_sigreturn, options(noreturn))
            }
        })?;
        right &= wait(child as isize, 0)?.1 & 0x7f == abi::SIGSEGV as i32;
    }
    Ok(right)
}
