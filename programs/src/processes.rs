//! `processes [N]`: children that are made, change their memory, stop, go on, and end in every way; N of them in a row.

use core::arch::naked_asm;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use core::time::Duration;

use crate::runtime::print::println;
use crate::runtime::process::{fork, set_action, wait};
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{
    Result, abi, call, errno, getpid, getppid, kill, mmap, mmap_shared, nanosleep, pipe, read, sched_yield, write,
};

/// What parent and child both write to, each in its own memory.
static SHARED: AtomicU64 = AtomicU64::new(1);

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    let count = arguments.number(1).unwrap_or(20);
    match run(count) {
        Ok(0) => {
            println!("processes: {count} children and more, all as they should be");
            0
        }
        Ok(wrong) => {
            println!("processes: {wrong} wrong");
            1
        }
        Err(error) => {
            println!("processes: system call failed: {error:?}");
            1
        }
    }
}

fn run(count: usize) -> Result<u32> {
    let mut wrong = 0;
    let mut check = |what: &str, holds: bool| {
        if !holds {
            println!("processes: {what} is wrong");
            wrong += 1;
        }
    };
    check("copied memory", copied_memory(count)?);
    check("nobody to wait for", wait(-1, 0).is_err_and(|why| why.0 == errno::ECHILD));
    check("exit status", ended(fork(|| 7)?)? == 7 << 8);
    check("death by a signal", ended(fork(|| die(abi::SIGKILL))?)? == abi::SIGKILL as i32);
    check("death without a core", ended(fork(|| die(abi::SIGSEGV))?)? == abi::SIGSEGV as i32);
    check("stop and go on", stopped_and_continued()?);
    check("an orphan's parent", adopted()?);
    check("nobody waits for children that are ignored", ignored()?);
    check("the end of who makes threads", ended_while_making_threads()?);
    check("the status of two last threads", two_last_threads()?);
    Ok(wrong)
}

fn ended(child: usize) -> Result<i32> {
    wait(child as isize, 0).map(|(_, status)| status)
}

fn die(signal: u32) -> u8 {
    _ = kill(getpid(), signal);
    0
}

/// Each child adds to what its parent had when it was made, and the parent sees none of it.
fn copied_memory(count: usize) -> Result<bool> {
    let mut right = true;
    for number in 0..count as u64 {
        SHARED.store(number, Ordering::Relaxed);
        let child = fork(|| {
            let mine = SHARED.fetch_add(1000, Ordering::Relaxed);
            sched_yield();
            u8::from(mine != number || SHARED.load(Ordering::Relaxed) != number + 1000)
        })?;
        SHARED.fetch_add(1, Ordering::Relaxed);
        right &= ended(child)? == 0 && SHARED.load(Ordering::Relaxed) == number + 1;
    }
    Ok(right)
}

fn stopped_and_continued() -> Result<bool> {
    let [from, to] = pipe()?;
    let child = fork(|| {
        let mut byte = [0];
        let mut reads = || matches!(read(from, &mut byte), Ok(1));
        u8::from(!(reads() && reads()))
    })?;
    kill(child, abi::SIGSTOP)?;
    let stopped = wait(child as isize, abi::WUNTRACED)?.1;
    write(to, &[1])?;
    let silent = wait(child as isize, abi::WNOHANG)? == (0, 0);
    kill(child, abi::SIGCONT)?;
    let continued = wait(child as isize, abi::WCONTINUED)?.1;
    // It could have ended meanwhile, and then that would have been the news.
    write(to, &[2])?;
    let end = ended(child)?;
    Ok(stopped == 0x7f | (abi::SIGSTOP as i32) << 8 && silent && continued == 0xffff && end == 0)
}

/// A child's child outlives it, and gets another parent.
fn adopted() -> Result<bool> {
    let [from, to] = pipe()?;
    let child = fork(|| {
        let own = getpid();
        let orphan = fork(|| {
            while getppid() == own {
                sched_yield();
            }
            _ = write(to, &[getppid() as u8]);
            0
        });
        u8::from(orphan.is_err())
    })?;
    let status = ended(child)?;
    let mut parent = [0];
    let told = read(from, &mut parent)?;
    // Where this is the first process, it is the new parent.
    let own = getpid() == 1;
    let found = !own || wait(-1, 0)?.1 == 0;
    Ok(status == 0 && told == 1 && parent[0] != 0 && found)
}

fn ignored() -> Result<bool> {
    set_action(abi::SIGCHLD, 1, 0, 0)?;
    let child = fork(|| 0)?;
    // Back when the last child is gone, which is nobody's.
    let gone = wait(child as isize, 0).is_err_and(|why| why.0 == errno::ECHILD);
    set_action(abi::SIGCHLD, 0, 0, 0)?;
    Ok(gone)
}

const BARE: u32 = abi::CLONE_VM | abi::CLONE_FS | abi::CLONE_FILES | abi::CLONE_SIGHAND | abi::CLONE_THREAD;
/// How a bare thread ends.
const STATUS: usize = 5;

/// A thread that has nothing but registers: ends when the word at `place` is zero, with [`STATUS`]. With CLONE_CHILD_CLEARTID it
/// leaves zero at `cleared`.
///
/// # Safety
/// The word stays.
#[unsafe(naked)]
unsafe extern "C" fn bare_thread(flags: u64, place: *const AtomicU32, _: usize, _: usize, cleared: *mut u8) -> isize {
    naked_asm!(
        "mov x8, {clone}",
        "svc 0",
        "cbz x0, 1f",
        "ret",
        "1:",
        "ldr w0, [sp]",
        "cbnz w0, 1b",
        "mov x0, {status}",
        "mov x8, {exit}",
        "svc 0",
        clone = const abi::__NR_clone,
        status = const STATUS,
        exit = const abi::__NR_exit,
    )
}

/// It is killed from outside while it makes threads: the last of them ends with the others, and does not run on for ever.
fn ended_while_making_threads() -> Result<bool> {
    let page = mmap_shared(4096)?.cast::<AtomicU32>();
    // SAFETY: fresh memory, which stays.
    let runs_on = unsafe { &*page };
    let mut right = true;
    for _ in 0..10 {
        let child = fork(|| {
            loop {
                // SAFETY: the word stays.
                unsafe { bare_thread(BARE.into(), page, 0, 0, core::ptr::null_mut()) };
            }
        })?;
        nanosleep(Duration::from_millis(1))?;
        runs_on.store(1, Ordering::Relaxed);
        kill(child, abi::SIGKILL)?;
        right &= ends_soon(child)?;
        runs_on.store(0, Ordering::Relaxed);
    }
    Ok(right)
}

/// It ends within two seconds, and this is the end that is waited for.
fn ends_soon(child: usize) -> Result<bool> {
    for _ in 0..2000 {
        if wait(child as isize, abi::WNOHANG)?.0 == child {
            return Ok(true);
        }
        nanosleep(Duration::from_millis(1))?;
    }
    Ok(false)
}

/// Two threads end at the same time. Each leaves a zero in a page that is not there yet, which takes a while.
fn two_last_threads() -> Result<bool> {
    let mut right = true;
    for _ in 0..20 {
        let child = fork(|| {
            static WORD: Word = Word(AtomicU32::new(1));
            let Ok(pages) = mmap(2 * 4096) else { return 1 };
            let flags = BARE | abi::CLONE_CHILD_CLEARTID;
            // SAFETY: word and pages stay as long as the process.
            unsafe {
                call(abi::__NR_set_tid_address, [pages as usize, 0, 0, 0, 0, 0]);
                bare_thread(flags.into(), &raw const WORD.0, 0, 0, pages.wrapping_add(4096));
            }
            sched_yield();
            WORD.0.store(0, Ordering::Relaxed);
            // SAFETY: the thread's end.
            unsafe { call(abi::__NR_exit, [STATUS, 0, 0, 0, 0, 0]) };
            2
        })?;
        right &= ended(child)? == (STATUS as i32) << 8;
    }
    Ok(right)
}

/// Where a stack pointer may point to.
#[repr(align(16))]
struct Word(AtomicU32);
