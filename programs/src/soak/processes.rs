//! Processes: made, replaced, talked to and signalled.

use core::ffi::c_int;
use core::ptr::null;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use super::Progress;
use crate::runtime::file::{close, execute};
use crate::runtime::process::{fork, handle, handled, wait};
use crate::runtime::syscall::{Result, abi, getpid, kill, mmap_shared, nanosleep, pipe, read, sched_yield, write};

/// How this program is started by itself, and how it then ends.
pub const AS_CHILD: &str = "as-child";
pub const STATUS: u8 = 77;

const WORDS: usize = 8 * 512;
/// In the program's own data: copied on write.
static COPIED: [AtomicU64; WORDS] = [const { AtomicU64::new(1) }; WORDS];

fn status_of(child: usize) -> Result<i32> {
    wait(child as isize, 0).map(|(_, status)| status)
}

/// Does every word have that value?
fn all_are(value: u64) -> bool {
    COPIED.iter().all(|word| word.load(Ordering::Relaxed) == value)
}

/// Parent and child write to the same page at the same time, each to its own.
pub fn forks(progress: &Progress) -> Result<bool> {
    let mut value = 1;
    loop {
        let child = fork(|| {
            let right = all_are(value);
            COPIED.iter().for_each(|word| word.store(0, Ordering::Relaxed));
            u8::from(!(right && all_are(0)))
        })?;
        value += 1;
        COPIED.iter().for_each(|word| _ = word.fetch_add(1, Ordering::Relaxed));
        if status_of(child)? != 0 || !all_are(value) {
            return Ok(false);
        }
        if !progress.again() {
            return Ok(true);
        }
    }
}

/// A child becomes this program anew.
pub fn programs(progress: &Progress) -> Result<bool> {
    let arguments = [c"soak".as_ptr(), c"as-child".as_ptr(), null()];
    loop {
        let child = fork(|| {
            // SAFETY: both end in a null pointer.
            _ = unsafe { execute(c"/proc/self/exe", arguments.as_ptr(), arguments[2..].as_ptr()) };
            1
        })?;
        if status_of(child)? != i32::from(STATUS) << 8 {
            return Ok(false);
        }
        if !progress.again() {
            return Ok(true);
        }
    }
}

fn send(to: c_int, value: u64) -> Result<()> {
    write(to, &value.to_le_bytes()).map(|_| ())
}

/// 0 at the end.
fn receive(from: c_int) -> Result<u64> {
    let mut bytes = [0; 8];
    read(from, &mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// A child adds to what it reads and writes it back, until there is nothing more to read.
pub fn pipes(progress: &Progress) -> Result<bool> {
    loop {
        let (there, back) = (pipe()?, pipe()?);
        let child = fork(|| {
            let echo = || -> Result<()> {
                close(there[1])?;
                loop {
                    match receive(there[0])? {
                        0 => return Ok(()),
                        value => send(back[1], value + 1)?,
                    }
                }
            };
            u8::from(echo().is_err())
        })?;
        close(there[0])?;
        close(back[1])?;
        let (mut value, mut goes_on) = (1, true);
        for _ in 0..100 {
            send(there[1], value)?;
            value = receive(back[0])?;
            goes_on = progress.again();
        }
        close(there[1])?;
        close(back[0])?;
        if status_of(child)? != 0 || value != 101 {
            return Ok(false);
        }
        if !goes_on {
            return Ok(true);
        }
    }
}

/// A child counts the signals it gets; its parent sends the next when it sees the last counted, and in the end one that kills.
pub fn signals(progress: &Progress) -> Result<bool> {
    // SAFETY: zeros are a number, and the memory stays for ever.
    let counted = unsafe { &*mmap_shared(size_of::<AtomicU64>())?.cast::<AtomicU64>() };
    loop {
        counted.store(u64::MAX, Ordering::Release);
        let child = fork(|| {
            if handle(abi::SIGUSR1, 0, 0).is_err() {
                return 1;
            }
            let before = handled();
            loop {
                counted.store(u64::from(handled() - before), Ordering::Release);
                // A signal ends the sleep, or comes while it runs.
                _ = nanosleep(Duration::from_micros(500));
            }
        })?;
        let mut goes_on = true;
        for sent in 0..20 {
            while counted.load(Ordering::Acquire) != sent {
                sched_yield();
            }
            kill(child, abi::SIGUSR1)?;
            _ = kill(getpid(), 0);
            goes_on = progress.again();
        }
        kill(child, abi::SIGKILL)?;
        if status_of(child)? != abi::SIGKILL as i32 {
            return Ok(false);
        }
        if !goes_on {
            return Ok(true);
        }
    }
}
