//! `faulting-copy [N]`: the kernel copies to and from N fresh pages each, and faults in every copy, while another CPU
//! asks for a reschedule there. A second thread on the same CPU is there to be switched to.

use core::hint::spin_loop;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::runtime::print::println;
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Result, mmap, munmap, stay_on_first_cpu};
use crate::runtime::test_calls::{Direction, copy};
use crate::runtime::thread::spawn;

const PAGE: usize = 4096;
/// Across a page's end: each copy faults twice.
const OFFSET: usize = PAGE - 64;
const BYTES: usize = 128;

static ENOUGH: AtomicBool = AtomicBool::new(false);

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    let count = arguments.number(1).unwrap_or(200);
    let _ = stay_on_first_cpu();
    let Ok(other) = spawn(wait_for_the_end) else {
        println!("faulting-copy: no second thread");
        return 1;
    };
    let done = (0..count).try_for_each(|_| copy_once(Direction::ToUser).and_then(|()| copy_once(Direction::FromUser)));
    ENOUGH.store(true, Ordering::Relaxed);
    other.join();
    match done {
        Ok(()) => {
            println!("faulting-copy: {count} each way");
            0
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

fn copy_once(direction: Direction) -> Result<()> {
    let pages = mmap(2 * PAGE)?;
    assert_eq!(copy(pages.wrapping_add(OFFSET), BYTES, direction)?, BYTES, "bytes copied");
    // SAFETY: nothing refers to it any more.
    unsafe { munmap(pages, 2 * PAGE) }
}
