//! `count [N]`: what exception entry and exit are measured with. Each phase makes one kind of exception happen N times and
//! is marked with HINT instructions that mean nothing to the CPU but are seen by the counter.
//!
//! | phase | what happens N times |
//! |---|---|
//! | 0 | a system call that does next to nothing |
//! | 1 | a page fault of user mode: the first write to a page |
//! | 2 | a page fault of user mode: the first read of a page |
//! | 3 | a page fault of the kernel: it writes a system call's result to a fresh page |
//! | 4 | a page fault of the kernel: it reads a system call's argument from a fresh page |
//! | 5 | nothing: a loop in user mode for N / 10 milliseconds, which only interrupts interrupt |
//! | 6 | the same loop in the kernel; nothing at all on a kernel without that test call |
//! | 7 | rounds of a signal to oneself: `tgkill`, the handler, the return from it |
//! | 8 | rounds of two tasks that yield to each other, once each |
//! | 9 | rounds of a byte to another process and one back, through two pipes |

use core::arch::asm;
use core::ptr::{read_volatile, write_volatile};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use crate::runtime::clock::spin_for;
use crate::runtime::print::println;
use crate::runtime::process::{fork, set_action, wait};
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{
    Errno, Result, abi, call, check, errno, getpid, getppid, gettid, mmap, munmap, pipe, read, sched_yield, tgkill, write,
};
use crate::runtime::test_calls::spin;
use crate::runtime::thread::spawn;

const PAGE: usize = 4096;
/// What goes through the pipe each time.
const BYTES: usize = 8;

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    let count = arguments.number(1).unwrap_or(1000);
    match phases(count) {
        Ok(()) => {
            println!("count: {count} of each");
            0
        }
        Err(error) => {
            println!("count: system call failed: {error:?}");
            1
        }
    }
}

fn phases(count: usize) -> Result<()> {
    phase::<0>(|| {
        for _ in 0..count {
            getppid();
        }
        Ok(())
    })?;
    on_fresh_pages::<1>(count, |page| {
        // SAFETY: the page is mapped, and nobody else's.
        unsafe { write_volatile(page, 1) };
        Ok(())
    })?;
    on_fresh_pages::<2>(count, |page| {
        // SAFETY: as above.
        unsafe { read_volatile(page) };
        Ok(())
    })?;
    on_fresh_pages::<3>(count, |page| {
        let arguments = [abi::CLOCK_MONOTONIC as usize, page as usize, 0, 0, 0, 0];
        // SAFETY: writes a time to the page.
        check(unsafe { call(abi::__NR_clock_gettime, arguments) }).map(|_| ())
    })?;
    let [from, to] = pipe()?.map(|end| end as usize);
    let mut sink = [0; BYTES];
    on_fresh_pages::<4>(count, |page| {
        // SAFETY: reads from the page, and writes to `sink`, which lives.
        unsafe {
            check(call(abi::__NR_write, [to, page as usize, BYTES, 0, 0, 0]))?;
            check(call(abi::__NR_read, [from, sink.as_mut_ptr() as usize, BYTES, 0, 0, 0]))?;
        }
        Ok(())
    })?;
    let a_while = Duration::from_micros(count as u64 * 100);
    phase::<5>(|| {
        spin_for(a_while);
        Ok(())
    })?;
    phase::<6>(|| match spin(a_while) {
        Err(Errno(errno::ENOSYS)) => Ok(()),
        result => result.map(|_| ()),
    })?;
    let rounds = count / 4;
    signals(rounds)?;
    yields(rounds)?;
    ping_pong(rounds)
}

fn signals(count: usize) -> Result<()> {
    extern "C" fn handler() {}
    set_action(abi::SIGUSR1, handler as *const () as usize, 0, 0)?;
    let (process, thread) = (getpid(), gettid());
    rounds::<7>(count, || tgkill(process, thread, abi::SIGUSR1))
}

/// On one CPU a yield gives it to the other task, which then does the same.
fn yields(count: usize) -> Result<()> {
    static DONE: AtomicBool = AtomicBool::new(false);
    let other = spawn(|| {
        while !DONE.load(Ordering::Relaxed) {
            sched_yield();
        }
    })?;
    rounds::<8>(count, || {
        sched_yield();
        Ok(())
    })?;
    DONE.store(true, Ordering::Relaxed);
    other.join();
    Ok(())
}

fn ping_pong(count: usize) -> Result<()> {
    let (there, back) = (pipe()?, pipe()?);
    // The last round's end is a mark, too.
    let child = fork(|| {
        let mut byte = [0];
        let echo = (0..=count).try_for_each(|_| read(there[0], &mut byte).and_then(|_| write(back[1], &byte)).map(|_| ()));
        u8::from(echo.is_err())
    })?;
    let mut byte = [0];
    rounds::<9>(count, || write(there[1], &[1]).and_then(|_| read(back[0], &mut byte)).map(|_| ()))?;
    wait(child as isize, 0).map(|_| ())
}

/// One phase of `count` rounds.
fn rounds<const PHASE: u32>(count: usize, mut round: impl FnMut() -> Result<()>) -> Result<()> {
    phase::<PHASE>(|| {
        for _ in 0..=count {
            // SAFETY: as in `phase`.
            unsafe { asm!("hint 97", options(nostack, preserves_flags)) };
            round()?;
        }
        Ok(())
    })
}

/// One phase that touches `count` pages for the first time; mapping them does not belong to it.
fn on_fresh_pages<const PHASE: u32>(count: usize, mut touch: impl FnMut(*mut u8) -> Result<()>) -> Result<()> {
    let region = mmap(count * PAGE)?;
    phase::<PHASE>(|| (0..count).try_for_each(|index| touch(region.wrapping_add(index * PAGE))))?;
    // SAFETY: nothing refers to it any more.
    unsafe { munmap(region, count * PAGE) }
}

fn phase<const PHASE: u32>(run: impl FnOnce() -> Result<()>) -> Result<()> {
    const { assert!(PHASE < 32, "the counter knows phases 0 to 31") };
    // SAFETY: these hints are allocated to nothing and do nothing. Compiler barriers, so that the phase stays between.
    unsafe { asm!("hint {}", const 64 + PHASE, options(nostack, preserves_flags)) };
    let result = run();
    // SAFETY: as above.
    unsafe { asm!("hint 96", options(nostack, preserves_flags)) };
    result
}
