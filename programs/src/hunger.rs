//! `hunger [N]`: N children take memory without end, each in its own way, while another one works on, and asks the kernel for
//! lists that it can do without. Who takes too much ends, the rest does not, and in the end all memory is there again.

use core::ptr::{null, write_volatile};
use core::time::Duration;

use crate::runtime::clock::spin_until;
use crate::runtime::file::{duplicate, execute, open};
use crate::runtime::print::println;
use crate::runtime::process::{fork, set_blocked, wait};
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Result, abi, call, getpid, gettid, kill, mmap, munmap, nanosleep, read, tgkill};
use crate::runtime::test_calls::frames_in_use;

const PAGE: usize = 4096;
const CHUNK: usize = 16 << 20;

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    if arguments.get(1) == Some(WORDY) {
        return work();
    }
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
    let modest = fork(begin_work)?;
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
        // More than there is room for; one more for each that ends to make room would go on for ever.
        _ = (0..200).try_for_each(|_| fork(|| hold(512)).map(|_| ()));
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

/// The first of many arguments.
const WORDY: &str = "wordy";

/// Works on with so many arguments that a list of them is long.
fn begin_work() -> u8 {
    let mut arguments = [c"wordy".as_ptr(); 60_000];
    arguments[arguments.len() - 1] = null();
    loop {
        // The hungry may have taken what this needs. SAFETY: both end in a null pointer.
        _ = unsafe { execute(c"/proc/self/exe", arguments.as_ptr(), arguments[arguments.len() - 1..].as_ptr()) };
    }
}

/// Has the kernel keep more of what it lists than it is sure to have room for. It may refuse.
fn ask_for_lists() -> u8 {
    _ = set_blocked(u64::MAX);
    _ = duplicate(1, 600).and_then(|()| duplicate(1, 601));
    _ = (0..600).try_for_each(|_| tgkill(getpid(), gettid(), LAST_SIGNAL));
    let mut text = [0; 64];
    _ = open(c"/proc/self/cmdline", 0).and_then(|file| read(file, &mut text));
    0
}

/// It is queued each time.
const LAST_SIGNAL: u32 = 64;

/// Takes a little and gives it back, for ever; ends if that goes wrong.
fn work() -> u8 {
    loop {
        if let Ok(child) = fork(ask_for_lists) {
            _ = wait(child as isize, 0);
        }
        let Ok(chunk) = mmap(16 * PAGE) else { continue };
        touch(chunk, 16);
        // SAFETY: nothing refers to it.
        if unsafe { munmap(chunk, 16 * PAGE) }.is_err() || getpid() == 0 {
            return 1;
        }
        _ = nanosleep(Duration::from_millis(2));
    }
}
