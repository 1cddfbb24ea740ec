//! `hunger [N]`: N children take memory without end, each in its own way, while another one works on. Who takes too much ends,
//! the rest does not, and in the end all memory is there again.

use core::ptr::write_volatile;
use core::time::Duration;

use crate::runtime::clock::spin_until;
use crate::runtime::print::println;
use crate::runtime::process::{fork, wait};
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Result, abi, call, getpid, kill, mmap, munmap, nanosleep};
use crate::runtime::test_calls::frames_in_use;

const PAGE: usize = 4096;
const CHUNK: usize = 16 << 20;

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    match run(arguments.number(1).unwrap_or(3)) {
        Ok(true) => {
            println!("hunger: who took too much is gone, and all memory is back");
            0
        }
        Ok(false) => 1,
        Err(error) => {
            println!("hunger: system call failed: {error:?}");
            1
        }
    }
}

fn run(count: usize) -> Result<bool> {
    let before = frames_in_use()?;
    let modest = fork(work)?;
    let mut hungry = [0; MOST];
    for (number, child) in hungry.iter_mut().enumerate().take(count) {
        *child = fork(|| take(number))?;
    }
    let mut right = true;
    let mut ends = 0;
    while ends < count.min(MOST) {
        let (child, status) = wait(-1, 0)?;
        if child == modest {
            println!("hunger: who took little is gone too, with {status:#x}");
            return Ok(false);
        }
        // Children of one that is gone are ours now.
        ends += usize::from(hungry.contains(&child));
        right &= status == abi::SIGKILL as i32;
    }
    // Those that are left, by their groups.
    hungry.iter().filter(|child| **child != 0).for_each(|child| _ = kill(child.wrapping_neg(), abi::SIGKILL));
    kill(modest, abi::SIGTERM)?;
    let (_, status) = wait(modest as isize, 0)?;
    right &= status == abi::SIGTERM as i32;
    while wait(-1, 0).is_ok() {}
    let back = spin_until(Duration::from_secs(2), || frames_in_use().is_ok_and(|now| now <= before + SLACK));
    if !(right && back) {
        println!("hunger: statuses right: {right}, {before} frames in use before, {:?} now", frames_in_use());
    }
    Ok(right && back)
}

/// Hungry children, at most.
const MOST: usize = 8;
/// Tables of kernel stacks, which stay, and pages of this program that it has not touched before.
const SLACK: usize = 64;

/// Takes memory for ever: pages, or children that take it.
fn take(number: usize) -> u8 {
    // SAFETY: moves this process and its children to a process group of their own.
    unsafe { call(abi::__NR_setpgid, [0; 6]) };
    if number % 3 == 2 {
        while fork(|| hold(64)).is_ok() {}
    }
    loop {
        if let Ok(chunk) = mmap(CHUNK) {
            touch(chunk, CHUNK / PAGE);
        }
    }
}

/// Has so many pages, for ever.
fn hold(pages: usize) -> u8 {
    if let Ok(chunk) = mmap(pages * PAGE) {
        touch(chunk, pages);
    }
    loop {
        _ = nanosleep(Duration::from_secs(1));
    }
}

fn touch(chunk: *mut u8, pages: usize) {
    for page in 0..pages {
        // SAFETY: the memory is mapped, and nobody else's.
        unsafe { write_volatile(chunk.wrapping_add(page * PAGE), 1) };
    }
}

/// Takes a little and gives it back, for ever; ends if that goes wrong.
fn work() -> u8 {
    loop {
        let Ok(chunk) = mmap(16 * PAGE) else { continue };
        touch(chunk, 16);
        // SAFETY: nothing refers to it.
        if unsafe { munmap(chunk, 16 * PAGE) }.is_err() || getpid() == 0 {
            return 1;
        }
        _ = nanosleep(Duration::from_millis(2));
    }
}
