//! `signals`: handlers, and what they interrupt: masks, stacks, restarts, faults.

use core::arch::asm;
use core::ptr::from_ref;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use core::time::Duration;

use linux_raw_sys::ioctl;

use crate::runtime::print::println;
use crate::runtime::process::{
    CONTEXT, HANDLED, PC, fork, fork_and_stand_still, handle, handled, set_action, set_blocked, set_of, wait,
};
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{
    Errno, Result, abi, call, check, errno, exit_group, getpid, gettid, kill, mmap, nanosleep, pipe, read, tgkill, write,
};
use crate::runtime::tests::{self, Test};
use crate::runtime::thread::spawn;

/// The program.
pub fn main(_: Arguments) -> u8 {
    let tests: [Test; 12] = [
        ("a handler is called and comes back", handler),
        ("blocked signals wait", blocked),
        ("the handler's signal is blocked meanwhile, and not afterwards", mask),
        ("a read is restarted, or not", restart),
        ("sigsuspend waits with another mask", suspend),
        ("a fault tells its address and can be skipped", fault),
        ("the alternate stack is used, and only then", alternate),
        ("real-time signals queue", queue),
        ("a forged frame is a fault, or ends the process", forged),
        ("who blocks a signal that was for the process hands it on", handed_on),
        ("a write to a stopped terminal is interrupted", stopped_terminal),
        ("a frame that nobody can write is a fault", no_room),
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

/// Of a syndrome: the class of a data abort of user mode, and that it was a store's.
const DATA_ABORT: u64 = 0x24;
const WRITES: u64 = 1 << 6;

fn fault() -> Result<bool> {
    handle(abi::SIGSEGV, 0, 0)?;
    HANDLED.skip.store(4, Ordering::Relaxed);
    let before = handled();
    // SAFETY: the handler steps over the load, which is of nothing.
    unsafe { asm!("ldr {0}, [{1}]", out(reg) _, in(reg) 0x10_usize, options(nostack)) };
    HANDLED.skip.store(0, Ordering::Relaxed);
    set_action(abi::SIGSEGV, 0, 0, 0)?;
    let (code, address) = (HANDLED.code.load(Ordering::Relaxed), HANDLED.origin.load(Ordering::Relaxed));
    let told = HANDLED.syndrome.load(Ordering::Relaxed);
    let loads = told >> 26 == DATA_ABORT && told & WRITES == 0;
    raise(abi::SIGUSR1)?;
    let only_faults = HANDLED.syndrome.load(Ordering::Relaxed) == 0;
    Ok(handled() == before + 2 && code == u64::from(abi::SEGV_MAPERR) && address == 0x10 && loads && only_faults)
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
    Ok(handled() == before + 5 && full(FIRST_REAL_TIME)?)
}

/// Whoever finds the queue full is told so, and what is in it comes.
fn full(signal: u32) -> Result<bool> {
    const SI_QUEUE: u64 = u32::MAX as u64;
    const MANY: u32 = 2000;
    let mut information = [0_u64; 16];
    information[1] = SI_QUEUE;
    let send = || {
        let arguments = [getpid(), signal as usize, from_ref(&information) as usize, 0, 0, 0];
        // SAFETY: reads a structure of this function's.
        check(unsafe { call(abi::__NR_rt_sigqueueinfo, arguments) })
    };
    let before = handled();
    set_blocked(set_of(signal))?;
    let mut sent = 0;
    let refused = loop {
        match send() {
            Ok(_) if sent < MANY => sent += 1,
            result => break result,
        }
    };
    set_blocked(0)?;
    Ok(refused.is_err_and(|why| why.0 == errno::EAGAIN) && handled() == before + sent)
}

/// SIGUSR1's frame would lie where nothing is. SIGSEGV's handler has a stack; without one, the process ends.
fn no_room() -> Result<bool> {
    let send_without_stack = || {
        let (process, thread) = (getpid(), gettid());
        // SAFETY: the stack pointer is back before anything uses it; the handlers change nothing else.
        unsafe {
            asm!("mov x20, sp", "mov sp, {nowhere}", "svc 0", "mov sp, x20", nowhere = in(reg) 0x1000_usize,
                 in("x8") abi::__NR_tgkill, inlateout("x0") process => _, in("x1") thread, in("x2") abi::SIGUSR1,
                 out("x20") _);
        }
    };
    handle(abi::SIGUSR1, 0, 0)?;
    handle(abi::SIGSEGV, abi::SA_ONSTACK, 0)?;
    let before = handled();
    send_without_stack();
    let signal = HANDLED.signal.load(Ordering::Relaxed);
    let told = signal == u64::from(abi::SIGSEGV) && HANDLED.code.load(Ordering::Relaxed) == 0x80;
    let once = handled() == before + 1;
    handle(abi::SIGSEGV, 0, 0)?;
    let child = fork(|| {
        send_without_stack();
        0
    })?;
    let ended = wait(child as isize, 0)?.1 & 0x7f == abi::SIGSEGV as i32;
    set_action(abi::SIGSEGV, 0, 0, 0)?;
    Ok(told && once && ended)
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
    Ok(right && handled_forged()?)
}

/// Who handles that is told where the frame is. What X0 in it looks like restarts nothing.
fn handled_forged() -> Result<bool> {
    /// Where the frame lies.
    static PLACE: AtomicU64 = AtomicU64::new(0);
    /// The process ends with zero if everything is as it should be.
    unsafe extern "C" fn judge(_: i32, information: *const u64, context: *const u8) {
        // SAFETY: the kernel passes a siginfo_t and a ucontext_t, which are this handler's.
        let [code, address, fault, pc] = unsafe {
            let [_, code, address] = information.cast::<[u64; 3]>().read();
            [code, address, context.add(CONTEXT).cast::<u64>().read(), context.add(PC).cast::<u64>().read()]
        };
        let place = PLACE.load(Ordering::Relaxed);
        let right = code == u64::from(abi::SEGV_ACCERR) && address == place && fault == 0 && pc == GO_ON;
        exit_group(u8::from(!right));
    }
    const GO_ON: u64 = 0x4000;
    const X0: usize = 39;
    const SP: usize = 70;
    let child = fork(|| {
        let mut frame = [0_u64; 4704 / 8];
        let place = &raw const frame as u64;
        PLACE.store(place, Ordering::Relaxed);
        frame[X0] = 512_u64.wrapping_neg();
        (frame[SP], frame[SP + 1], frame[SP + 2]) = (place, GO_ON, 0x3c0);
        // FP/SIMD registers, and the end: what is wrong is PSTATE alone.
        frame[592 / 8] = 528 << 32 | 0x4650_8001;
        if set_action(abi::SIGSEGV, judge as *const () as usize, abi::SA_SIGINFO, 0).is_err() {
            return 2;
        }
        // SAFETY: the process ends.
        unsafe {
            asm!("mov sp, {}", "svc 0", in(reg) &raw const frame, in("x8") abi::__NR_rt_sigreturn, options(noreturn))
        }
    })?;
    Ok(wait(child as isize, 0)?.1 == 0)
}

/// The first thread stands still while both signals come. The handler of the one blocks the other, which another thread hears.
fn handed_on() -> Result<bool> {
    static TAKEN_BY: AtomicU32 = AtomicU32::new(0);
    static ENDS: AtomicU32 = AtomicU32::new(0);
    static IN_TIME: AtomicU32 = AtomicU32::new(0);
    const MILLISECOND: Duration = Duration::from_millis(1);
    extern "C" fn takes(_: i32) {
        TAKEN_BY.store(gettid() as u32, Ordering::Release);
    }
    extern "C" fn waits(_: i32) {
        for _ in 0..200 {
            if TAKEN_BY.load(Ordering::Acquire) != 0 {
                IN_TIME.store(1, Ordering::Relaxed);
                return;
            }
            _ = nanosleep(MILLISECOND);
        }
    }
    set_action(abi::SIGUSR1, waits as *const () as usize, 0, set_of(abi::SIGUSR2))?;
    set_action(abi::SIGUSR2, takes as *const () as usize, 0, 0)?;
    let other = spawn(|| {
        // Without a call, at which it would look by itself.
        while ENDS.load(Ordering::Acquire) == 0 {
            core::hint::spin_loop();
        }
    })?;
    let (process, thread) = (getpid(), gettid());
    let child = fork_and_stand_still(|| {
        _ = kill(process, abi::SIGUSR2);
        _ = tgkill(process, thread, abi::SIGUSR1);
        0
    })?;
    ENDS.store(1, Ordering::Release);
    other.join();
    wait(child as isize, 0)?;
    let taken_by = TAKEN_BY.load(Ordering::Acquire) as usize;
    Ok(IN_TIME.load(Ordering::Relaxed) == 1 && taken_by != thread)
}

/// A child fills what the terminal takes, and waits for room that does not come.
fn stopped_terminal() -> Result<bool> {
    let control = |what, argument| {
        // SAFETY: numbers alone.
        check(unsafe { call(abi::__NR_ioctl, [1, what as usize, argument as usize, 0, 0, 0]) })
    };
    // Where programs write into a pipe there is nothing to stop.
    if control(ioctl::TCXONC, abi::TCOON) == Err(Errno(errno::ENOTTY)) {
        return Ok(true);
    }
    let child = fork(|| {
        if handle(abi::SIGUSR1, 0, 0).is_err() || control(ioctl::TCXONC, abi::TCOOFF).is_err() {
            return 1;
        }
        loop {
            match write(1, b"x") {
                Ok(_) => {}
                Err(why) => return u8::from(why.0 != errno::EINTR),
            }
        }
    })?;
    let mut end = (0, 0);
    for _ in 0..100 {
        nanosleep(Duration::from_millis(10))?;
        kill(child, abi::SIGUSR1)?;
        end = wait(child as isize, abi::WNOHANG)?;
        if end.0 == child {
            break;
        }
    }
    control(ioctl::TCFLSH, abi::TCOFLUSH)?;
    control(ioctl::TCXONC, abi::TCOON)?;
    if end.0 != child {
        kill(child, abi::SIGKILL)?;
        wait(child as isize, 0)?;
    }
    Ok(end == (child, 0))
}
