//! `faulting-copy [N]`: the kernel copies to fresh pages, and faults in each copy, while another CPU asks for a reschedule there,
//! until it was preempted N times on the way out of the fault. A second thread is there to be switched to.

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
    let wanted = arguments.number(1).unwrap_or(200);
    if let Err(error) = stay_on_first_cpu() {
        println!("faulting-copy: cannot choose a CPU: {error:?}");
        return 1;
    }
    let Ok(other) = spawn(wait_for_the_end) else {
        println!("faulting-copy: no second thread");
        return 1;
    };
    let done = copy_until_preempted(wanted);
    ENOUGH.store(true, Ordering::Relaxed);
    other.join();
    match done {
        Ok(Ended { preempted, copies }) => {
            let verdict = if preempted >= wanted { "preempted" } else { "seldom preempted" };
            println!("faulting-copy: {verdict} on the way out of the fault: {preempted} times in {copies} copies");
            u8::from(preempted < wanted)
        }
        Err(error) => {
            println!("faulting-copy: {error:?}");
            1
        }
    }
}

/// What it came to.
struct Ended {
    preempted: usize,
    copies: usize,
}

/// A tick of this CPU that comes just then takes some of the preemptions over: on a quiet host one in five, on a busy one nearly
/// all. So it goes on until there were enough; one in fifty copies, two faults each, is too few.
fn copy_until_preempted(wanted: usize) -> Result<Ended> {
    let before = synchronous_preemptions()?;
    let mut copies = 0;
    loop {
        let preempted = synchronous_preemptions()? - before;
        if preempted >= wanted || copies >= 50 * wanted {
            return Ok(Ended { preempted, copies });
        }
        copy_once()?;
        copies += 1;
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
