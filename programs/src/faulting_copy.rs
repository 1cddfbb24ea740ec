//! `faulting-copy [N]`: N times the kernel copies to fresh pages, and faults in each copy, while another CPU asks for a
//! reschedule there. A second thread is there to be switched to.

use core::hint::spin_loop;
use core::slice::from_raw_parts;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::runtime::print::println;
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Result, mmap, munmap, stay_on_first_cpu};
use crate::runtime::test_calls::{PATTERN, copy, synchronous_preemptions};
use crate::runtime::thread::spawn;

const PAGE: usize = 4096;
/// Across a page's end: each copy faults twice.
const OFFSET: usize = PAGE - 64;
const BYTES: usize = 128;

static ENOUGH: AtomicBool = AtomicBool::new(false);

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    let count = arguments.number(1).unwrap_or(200);
    if let Err(error) = stay_on_first_cpu() {
        println!("faulting-copy: cannot choose a CPU: {error:?}");
        return 1;
    }
    let Ok(other) = spawn(wait_for_the_end) else {
        println!("faulting-copy: no second thread");
        return 1;
    };
    let done = (0..count).try_for_each(|_| copy_once());
    ENOUGH.store(true, Ordering::Relaxed);
    other.join();
    let (faults, preempted) = (2 * count, synchronous_preemptions().unwrap_or(0));
    // A tick of this CPU that comes just then takes some of them over: on a busy host one in five.
    let verdict = if preempted >= faults / 4 { "preempted" } else { "seldom preempted" };
    match done {
        Ok(()) => {
            println!("faulting-copy: {count} copies, {verdict} on the way out of the fault: {preempted} of {faults}");
            u8::from(preempted < faults / 4)
        }
        Err(error) => {
            println!("faulting-copy: {error:?}");
            1
        }
    }
}

fn wait_for_the_end() {
    while !ENOUGH.load(Ordering::Relaxed) {
        spin_loop();
    }
}

fn copy_once() -> Result<()> {
    let pages = mmap(2 * PAGE)?;
    assert_eq!(copy(pages.wrapping_add(OFFSET), BYTES)?, BYTES, "bytes copied");
    // SAFETY: the pages are mapped, and the kernel has stopped writing to them.
    let bytes = unsafe { from_raw_parts(pages, 2 * PAGE) };
    let right = bytes.iter().enumerate().all(|(at, byte)| (*byte == PATTERN) == (OFFSET..OFFSET + BYTES).contains(&at));
    assert!(right, "the copy is not what was to be copied");
    // SAFETY: nothing refers to it any more.
    unsafe { munmap(pages, 2 * PAGE) }
}
