//! Processes and signals, as a C library would make and handle them.

use core::ffi::c_int;
use core::ptr::from_ref;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::syscall::{Errno, Result, abi, call, check, errno, exit_group};

/// What a handler was called with, last.
#[derive(Debug)]
pub struct Handled {
    /// How often it was called.
    pub count: AtomicU32,
    /// Signal, code, sender or fault address.
    pub signal: AtomicU64,
    /// `si_code`.
    pub code: AtomicU64,
    /// The third word of the information: an address, or sender and user.
    pub origin: AtomicU64,
    /// The handler's stack pointer.
    pub stack: AtomicU64,
    /// Added to the interrupted code's PC: where it goes on.
    pub skip: AtomicU64,
    /// The interrupted code's PC.
    pub pc: AtomicU64,
    /// The syndrome of a fault, if the frame has one.
    pub syndrome: AtomicU64,
}

/// Filled by [`note`].
pub static HANDLED: Handled = Handled {
    count: AtomicU32::new(0),
    signal: AtomicU64::new(0),
    code: AtomicU64::new(0),
    origin: AtomicU64::new(0),
    stack: AtomicU64::new(0),
    skip: AtomicU64::new(0),
    pc: AtomicU64::new(0),
    syndrome: AtomicU64::new(0),
};

/// Where `sigcontext` begins in what a handler gets third: the fault address, X0 to X30, SP, PC, PSTATE.
pub const CONTEXT: usize = 176;
/// Where the interrupted PC lies in that.
pub const PC: usize = CONTEXT + 264;
/// Where the record after that of the FP/SIMD registers lies: a fault's syndrome, or the last.
const SECOND_RECORD: usize = CONTEXT + 288 + 528;
/// How that of a syndrome begins: its magic number and its size.
const SYNDROME: u64 = 16 << 32 | 0x4553_5201;

/// A handler that writes down what it was called with, and has the interrupted code go on [`Handled::skip`] bytes further.
///
/// # Safety
/// The kernel calls it, as the handler of a signal.
pub unsafe extern "C" fn note(signal: c_int, information: *const u64, context: *mut u8) {
    let here = 0_u64;
    HANDLED.stack.store(from_ref(&here) as u64, Ordering::Relaxed);
    HANDLED.signal.store(signal as u64, Ordering::Relaxed);
    // SAFETY: the kernel passes a siginfo_t and a ucontext_t, which are this handler's.
    unsafe {
        HANDLED.code.store(u64::from(information.add(1).read() as u32), Ordering::Relaxed);
        HANDLED.origin.store(information.add(2).read(), Ordering::Relaxed);
        let pc = context.add(PC).cast::<u64>();
        HANDLED.pc.store(pc.read(), Ordering::Relaxed);
        pc.write(pc.read() + HANDLED.skip.load(Ordering::Relaxed));
        let record = context.add(SECOND_RECORD).cast::<u64>();
        let syndrome = if record.read() == SYNDROME { record.add(1).read() } else { 0 };
        HANDLED.syndrome.store(syndrome, Ordering::Relaxed);
    }
    HANDLED.count.fetch_add(1, Ordering::Release);
}

/// How often [`note`] has been called.
pub fn handled() -> u32 {
    HANDLED.count.load(Ordering::Acquire)
}

/// Has `signal` handled by [`note`], with further flags and meanwhile `blocked`.
pub fn handle(signal: u32, flags: u32, blocked: u64) -> Result<()> {
    set_action(signal, note as *const () as usize, flags | abi::SA_SIGINFO, blocked)
}

/// Has `signal` do what it does by default (0), or nothing (1).
pub fn set_action(signal: u32, handler: usize, flags: u32, blocked: u64) -> Result<()> {
    let action = [handler as u64, u64::from(flags), 0, blocked];
    // SAFETY: the handler is one, and needs nothing of what it interrupts.
    check(unsafe {
        call(abi::__NR_rt_sigaction, [signal as usize, from_ref(&action) as usize, 0, size_of::<u64>(), 0, 0])
    })
    .map(|_| ())
}

/// Blocks exactly these; what was blocked before.
pub fn set_blocked(set: u64) -> Result<u64> {
    let mut before = 0_u64;
    let arguments = [abi::SIG_SETMASK as usize, from_ref(&set) as usize, &raw mut before as usize, 8, 0, 0];
    // SAFETY: reads and writes two words of this function's.
    check(unsafe { call(abi::__NR_rt_sigprocmask, arguments) })?;
    Ok(before)
}

/// Sleeps, with exactly these blocked meanwhile, until a handler has run.
pub fn suspend(blocked: u64) -> Result<()> {
    let arguments = [from_ref(&blocked) as usize, size_of::<u64>(), 0, 0, 0, 0];
    // SAFETY: reads a word of this function's.
    match check(unsafe { call(abi::__NR_rt_sigsuspend, arguments) }) {
        Err(Errno(errno::EINTR)) => Ok(()),
        other => other.map(|_| ()),
    }
}

/// A signal as a set.
pub const fn set_of(signal: u32) -> u64 {
    1 << (signal - 1)
}

/// A child that runs `body` and ends with what that gives; its number.
pub fn fork(body: impl FnOnce() -> u8) -> Result<usize> {
    fork_with(0, body)
}

/// The same, but this program does nothing until the child has ended.
pub fn fork_and_stand_still(body: impl FnOnce() -> u8) -> Result<usize> {
    fork_with(abi::CLONE_VFORK, body)
}

fn fork_with(flags: u32, body: impl FnOnce() -> u8) -> Result<usize> {
    // SAFETY: the child has a copy of everything.
    match check(unsafe { call(abi::__NR_clone, [(abi::SIGCHLD | flags) as usize, 0, 0, 0, 0, 0]) })? {
        0 => exit_group(body()),
        child => Ok(child),
    }
}

/// Waits for a child (-1: any); its number and status.
pub fn wait(child: isize, options: u32) -> Result<(usize, i32)> {
    let mut status = 0;
    // SAFETY: writes a word of this function's.
    let found = check(unsafe {
        call(abi::__NR_wait4, [child as usize, &raw mut status as usize, options as usize, 0, 0, 0])
    })?;
    Ok((found, status))
}
