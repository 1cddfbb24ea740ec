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

use core::arch::asm;
use core::ptr::{read_volatile, write_volatile};
use core::time::Duration;

use crate::runtime::clock::spin_for;
use crate::runtime::print::println;
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Errno, Result, abi, call, check, errno, getppid, mmap, munmap, pipe};
use crate::runtime::test_calls::spin;

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
