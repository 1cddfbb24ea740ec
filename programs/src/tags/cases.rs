//! A case for each thing that tags do.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use super::faults::{self, told};
use super::memory::{choose, get, load, mask, masked, set, store, with, without};
use super::*;
use crate::runtime::clock::spin_until;
use crate::runtime::process::{fork, wait};
use crate::runtime::syscall::{getpid, pipe, read, sched_yield, stay_on_first_cpu};
use crate::runtime::thread;

const LIMIT: Duration = Duration::from_secs(10);

pub fn run(checks: &mut Checks) -> Result<()> {
    faults::count()?;
    controls(checks)?;
    chosen_tags(checks)?;
    synchronous(checks)?;
    asynchronous(checks)?;
    asymmetric(checks)?;
    masks(checks)?;
    tagged_addresses(checks)?;
    copies(checks)?;
    protections(checks)?;
    forks(checks)?;
    shared(checks)?;
    reuse(checks)?;
    switches(checks)?;
    Ok(())
}

/// A page whose first 16 bytes have tag 3, by a pointer with that tag, with these checks from here on.
fn room(checks: usize) -> Result<usize> {
    let room = with(map(PAGE, TAGGED, PRIVATE)?, 3);
    set(room);
    control(ENABLE | ANY_TAG | checks)?;
    Ok(room)
}

/// How many faults of each kind `body` is told of, not counting those of before.
fn faults_of(body: impl FnOnce()) -> (u32, u32, u32) {
    let before = told();
    body();
    // An asynchronous one is told of here at the latest.
    getpid();
    let after = told();
    (after.0 - before.0, after.1 - before.1, after.2 - before.2)
}

/// How a child ends that runs `body`.
fn child(body: impl FnOnce() -> u8) -> Result<i32> {
    wait(fork(body)? as isize, 0).map(|(_, status)| status)
}

fn controls(checks: &mut Checks) -> Result<()> {
    for wanted in [ENABLE | SYNC | ANY_TAG, ASYNC, SYNC | ASYNC | 1 << INCLUDED_SHIFT, 0] {
        control(wanted)?;
        checks.that("what was asked for", asked()? == wanted);
    }
    checks.refused("what nobody knows", control(1 << 20), errno::EINVAL);
    let more = plain(abi::__NR_prctl, [PR_SET_TAGGED_ADDR_CTRL, ENABLE, 1]);
    checks.refused("an argument too many", more, errno::EINVAL);
    checks.refused("one to ask with", plain(abi::__NR_prctl, [PR_GET_TAGGED_ADDR_CTRL, 1]), errno::EINVAL);
    control(ENABLE | SYNC | ANY_TAG)?;
    checks.that("a child's", child(|| u8::from(asked() != Ok(ENABLE | SYNC | ANY_TAG)))? == 0);
    static THREADS: AtomicU32 = AtomicU32::new(0);
    thread::spawn(|| THREADS.store(asked().map_or(0, |asked| asked as u32), Ordering::Relaxed))?.join();
    checks.that("a thread's", THREADS.load(Ordering::Relaxed) as usize == ENABLE | SYNC | ANY_TAG);
    Ok(())
}

/// IRG makes only tags that the task asked for, wherever it runs.
fn chosen_tags(checks: &mut Checks) -> Result<()> {
    static WRONG: AtomicBool = AtomicBool::new(false);
    control(0)?;
    checks.that("no tag where none was asked for", (0..64).all(|_| choose() == 0));
    let chooses = |tag: usize| {
        move || {
            let done = control(1 << (INCLUDED_SHIFT + tag)).is_ok();
            let right = (0..300).all(|_| {
                sched_yield();
                choose() == tag
            });
            if !done || !right {
                WRONG.store(true, Ordering::Relaxed);
            }
        }
    };
    let threads = [1, 5, 9, 15].map(|tag| thread::spawn(chooses(tag)));
    for thread in threads {
        thread?.join();
    }
    checks.that("tags of threads that ask for others", !WRONG.load(Ordering::Relaxed));
    control(ANY_TAG)?;
    let seen = (0..400).fold(0, |seen, _| seen | 1 << choose());
    checks.that("every tag but zero", seen == 0xfffe);
    Ok(())
}

fn synchronous(checks: &mut Checks) -> Result<()> {
    let room = room(SYNC)?;
    let wrong = with(room, 4);
    store(room, 7);
    checks.that("the right tag", faults_of(|| store(room, 7)) == (0, 0, 0) && load(room) == 7);
    checks.that("a store with another tag", faults_of(|| store(wrong, 8)) == (1, 0, 0));
    checks.that("its address", faults::address() == without(room));
    checks.that("that it was not made", load(room) == 7);
    checks.that("a load with another tag", faults_of(|| _ = load(wrong)) == (1, 0, 0));
    checks.that("memory without tags", {
        let other = map(PAGE, WRITE, PRIVATE)?;
        faults_of(|| store(with(other, 9), 1)) == (0, 0, 0)
    });
    unmap(without(room), PAGE)?;
    Ok(())
}

/// Told of at the next exception; a system call that it is, is made afterwards, and once.
fn asynchronous(checks: &mut Checks) -> Result<()> {
    let room = room(ASYNC)?;
    let wrong = with(room, 4);
    let before = told();
    store(wrong, 8);
    let process = getpid();
    checks.that("a store with another tag, asynchronously", told() == (before.0, before.1 + 1, before.2));
    checks.that("the address that nobody knows", faults::address() == 0);
    checks.that("the call after it", process == child_parent()?);
    // SAFETY: the program's own code, where it was interrupted.
    let next = unsafe { (faults::pc() as *const u32).read_volatile() };
    const SVC: u32 = 0xd400_0001;
    checks.that("that it was made after the signal", next == SVC);
    checks.that("that it was made", load(room) == 8);
    checks.that("a load with another tag, asynchronously", faults_of(|| _ = load(wrong)) == (0, 1, 0));

    let [from, to] = pipe()?;
    let byte = without(room);
    let before = told().1;
    // The fault is a store's right before the call.
    store(wrong, u64::from(b'x'));
    let written = plain(abi::__NR_write, [to as usize, with(byte, 3), 1])?;
    let mut bytes = [0; 4];
    let arrived = read(from, &mut bytes)?;
    checks.that("a write that is made once", (written, arrived, told().1) == (1, 1, before + 1) && bytes[0] == b'x');

    let before = told().1;
    store(wrong, 9);
    // Nobody waits for what others have missed already.
    let found = checks.all_hold() && spin_until(LIMIT, || told().1 == before + 1);
    checks.that("a fault that an interrupt finds", found);
    unmap(byte, PAGE)?;
    Ok(())
}

/// This process's number, from a child that asks for its parent's.
fn child_parent() -> Result<usize> {
    let numbers = map(PAGE, WRITE, SHARED)?;
    child(|| {
        store(numbers, crate::runtime::syscall::getppid() as u64);
        0
    })?;
    Ok(load(numbers) as usize)
}

fn asymmetric(checks: &mut Checks) -> Result<()> {
    let room = room(SYNC | ASYNC)?;
    let wrong = with(room, 4);
    store(room, 7);
    checks.that("a load, asymmetrically", faults_of(|| _ = load(wrong)) == (1, 0, 0));
    checks.that("a store, asymmetrically", faults_of(|| store(wrong, 8)) == (0, 1, 0));
    checks.that("that it was made, too", load(room) == 8);
    unmap(without(room), PAGE)?;
    Ok(())
}

/// A program masks checks for itself, and handlers begin with them open.
fn masks(checks: &mut Checks) -> Result<()> {
    let room = room(SYNC)?;
    let wrong = with(room, 4);
    mask(true);
    let unseen = faults_of(|| store(wrong, 8)) == (0, 0, 0);
    let before = told().0;
    // What comes and goes does not open them: a fault of another kind, calls, ticks.
    sched_yield();
    let other = faults_of(|| _ = load(8)) == (0, 0, 1);
    let stays = masked() && !spin_until(Duration::from_millis(30), || !masked());
    mask(false);
    checks.that("a masked check", unseen && load(room) == 8 && told().0 == before);
    checks.that("a handler of who has masked checks", other && !faults::handlers_were_masked());
    checks.that("who has masked checks", stays);
    checks.that("who has opened them", faults_of(|| store(wrong, 9)) == (1, 0, 0));
    unmap(without(room), PAGE)?;
    Ok(())
}

/// System calls take them from who said so.
pub fn tagged_addresses(checks: &mut Checks) -> Result<()> {
    let [from, to] = pipe()?;
    let room = map(PAGE, WRITE, PRIVATE)?;
    let write = |address: usize| plain(abi::__NR_write, [to as usize, address, 1]);
    control(0)?;
    checks.refused("a tagged address that nobody announced", write(with(room, 5)), errno::EFAULT);
    control(ENABLE)?;
    checks.that("a tagged address", write(with(room, 5)) == Ok(1));
    checks.that("memory that is protected by one", protect(with(room, 5), PAGE, abi::PROT_READ).is_ok());
    checks.that("memory that is given back by one", unmap(with(room, 5), PAGE).is_ok());
    read(from, &mut [0; 2])?;
    Ok(())
}

/// The kernel copies as the program would: what faults at once is refused, what faults later is nobody's.
fn copies(checks: &mut Checks) -> Result<()> {
    let [from, to] = pipe()?;
    let write = |address: usize| plain(abi::__NR_write, [to as usize, address, 8]);
    let read = |address: usize| plain(abi::__NR_read, [from as usize, address, 8]);
    let refused = Err(Errno(errno::EFAULT));
    for (mode, writes, reads) in [(0, Ok(8), Ok(8)), (SYNC, refused, refused), (ASYNC, Ok(8), Ok(8)), (SYNC | ASYNC, refused, Ok(8))]
    {
        let room = room(mode)?;
        let wrong = with(room, 4);
        let (mut by_wrong, mut into_wrong) = (Ok(0), Ok(0));
        let told = faults_of(|| {
            by_wrong = write(wrong);
            if by_wrong.is_err() {
                _ = write(room);
            }
            into_wrong = read(wrong);
            if into_wrong.is_err() {
                _ = read(room);
            }
        });
        if (by_wrong, into_wrong, told) != (writes, reads, (0, 0, 0)) {
            println!("tags: copies in mode {mode}: {by_wrong:?}, {into_wrong:?}, {told:?}");
        }
        checks.that("copies of the kernel's", (by_wrong, into_wrong) == (writes, reads));
        checks.that("what the kernel's copies fail", told == (0, 0, 0));
        unmap(without(room), PAGE)?;
    }
    Ok(())
}

/// Memory gets tags later on, and keeps them.
fn protections(checks: &mut Checks) -> Result<()> {
    control(ENABLE | SYNC | ANY_TAG)?;
    let room = map(4 * PAGE, WRITE, PRIVATE)?;
    store(room, 5);
    store(room + PAGE, 6);
    protect(room, 3 * PAGE, TAGGED)?;
    checks.that("tags of memory that had none", (0..3).all(|page| get(room + page * PAGE) == 0));
    checks.that("what was there", (load(room), load(room + PAGE), load(room + 2 * PAGE)) == (5, 6, 0));
    set(with(room, 3));
    checks.that("a check there", faults_of(|| store(room, 1)) == (1, 0, 0));
    protect(room, 3 * PAGE, WRITE)?;
    checks.that("tags that stay", get(room) == 3 && faults_of(|| store(room, 1)) == (1, 0, 0));
    protect(room, 3 * PAGE, abi::PROT_NONE)?;
    protect(room, 3 * PAGE, WRITE)?;
    checks.that("tags that were locked away", get(room) == 3);
    checks.that("the memory behind", faults_of(|| store(with(room + 3 * PAGE, 7), 1)) == (0, 0, 0));
    unmap(room, 4 * PAGE)?;
    let here = abi::AT_FDCWD as usize;
    let flags = (abi::O_RDWR | abi::O_CREAT) as usize;
    let file = plain(abi::__NR_openat, [here, c"/tags".as_ptr() as usize, flags, 0o600])?;
    plain(abi::__NR_ftruncate, [file, PAGE])?;
    let of_file = plain(abi::__NR_mmap, [0, PAGE, TAGGED as usize, abi::MAP_SHARED as usize, file, 0]);
    checks.refused("a file with tags", of_file, errno::EINVAL);
    Ok(())
}

/// Who sees whose tags after a fork.
fn forks(checks: &mut Checks) -> Result<()> {
    let room = room(SYNC)?;
    store(room, 7);
    let wrong = with(room, 4);
    let works = move || load(room) == 7 && faults_of(|| store(wrong, 1)) == (1, 0, 0);
    checks.that("a child's tags", child(|| u8::from(!works()))? == 0);
    // The child's copy, then the parent's.
    let changes = || {
        store(room, 8);
        let copied = get(room) == 3;
        set(wrong);
        u8::from(!(copied && get(room) == 4 && faults_of(|| store(room, 9)) == (1, 0, 0) && load(wrong) == 8))
    };
    checks.that("a child's copy", child(changes)? == 0);
    checks.that("the parent's after it", get(room) == 3 && works());
    let [from, to] = pipe()?;
    let waits = fork(|| {
        _ = read(from, &mut [0]);
        u8::from(!(get(room) == 3 && works()))
    })?;
    store(room, 9);
    checks.that("the parent's copy", get(room) == 3 && load(room) == 9 && faults_of(|| store(wrong, 1)) == (1, 0, 0));
    set(wrong);
    plain(abi::__NR_write, [to as usize, wrong, 1])?;
    checks.that("the child's after it", wait(waits as isize, 0)?.1 == 0);
    unmap(without(room), PAGE)?;
    Ok(())
}

/// What is shared has one set of tags.
fn shared(checks: &mut Checks) -> Result<()> {
    control(ENABLE | SYNC | ANY_TAG)?;
    let room = map(PAGE, TAGGED, SHARED)?;
    let sets = || {
        set(with(room, 6));
        store(with(room, 6), 5);
        0
    };
    checks.that("who tags what is shared", child(sets)? == 0);
    checks.that("its tag elsewhere", get(room) == 6 && load(with(room, 6)) == 5);
    checks.that("a check of what is shared", faults_of(|| store(room, 1)) == (1, 0, 0));
    unmap(room, PAGE)?;
    Ok(())
}

/// Nobody sees the tags that somebody else left.
fn reuse(checks: &mut Checks) -> Result<()> {
    const PAGES: usize = 64;
    let mut clean = true;
    for _ in 0..4 {
        let room = map(PAGES * PAGE, TAGGED, PRIVATE)?;
        for granule in (room..room + PAGES * PAGE).step_by(16) {
            clean &= get(granule) == 0;
            set(with(granule, 9));
        }
        unmap(room, PAGES * PAGE)?;
    }
    checks.that("memory that is used again", clean);
    Ok(())
}

/// Threads with each mode on one CPU, which gives way to one another all the time.
fn switches(checks: &mut Checks) -> Result<()> {
    const ROUNDS: u32 = 200;
    static FAILED: AtomicBool = AtomicBool::new(false);
    stay_on_first_cpu()?;
    let before = told();
    let one = |mode: usize| {
        move || {
            let Ok(room) = room(mode) else { return FAILED.store(true, Ordering::Relaxed) };
            for _ in 0..ROUNDS {
                store(with(room, 4), 1);
                sched_yield();
                _ = load(with(room, 5));
                sched_yield();
            }
        }
    };
    let threads = [0, SYNC, ASYNC, SYNC | ASYNC].map(|mode| thread::spawn(one(mode)));
    for thread in threads {
        thread?.join();
    }
    let after = told();
    let faults = (after.0 - before.0, after.1 - before.1, after.2 - before.2);
    // Both of each round, synchronously; then both asynchronously; then one of each.
    let expected = (2 * ROUNDS + ROUNDS, 2 * ROUNDS + ROUNDS, 0);
    if faults != expected {
        println!("tags: threads were told of {faults:?}, not of {expected:?}");
    }
    checks.that("threads with other checks", faults == expected && !FAILED.load(Ordering::Relaxed));
    Ok(())
}
