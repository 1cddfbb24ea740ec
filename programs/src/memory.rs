//! `memory`: what mappings do, who sees what after a fork, what faults say, and that all of it comes back.

mod large;

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;

use crate::runtime::clock::spin_until;
use crate::runtime::print::println;
use crate::runtime::process::{HANDLED, fork, handle, handled, wait};
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Result, abi, call, check, errno, getpid, kill, pipe, sched_yield};
use crate::runtime::test_calls::frames_in_use;
use crate::runtime::thread;
use crate::runtime::tests::Checks;

const PAGE: usize = 4096;
const READ: u32 = abi::PROT_READ;
const WRITE: u32 = abi::PROT_READ | abi::PROT_WRITE;
const PRIVATE: u32 = abi::MAP_PRIVATE | abi::MAP_ANONYMOUS;
const SHARED: u32 = abi::MAP_SHARED | abi::MAP_ANONYMOUS;
const KERNEL_ADDRESS: usize = 0xffff_ff80_4020_0000;

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    let rounds = arguments.number(1).unwrap_or(50);
    let mut checks = Checks::of("memory");
    let result = run(&mut checks, rounds);
    checks.end(result)
}

fn run(checks: &mut Checks, rounds: usize) -> Result<()> {
    places(checks)?;
    refusals(checks);
    protection(checks)?;
    moves(checks)?;
    advice(checks)?;
    heap(checks);
    forks(checks)?;
    faults(checks)?;
    files(checks)?;
    large::large(checks)?;
    snapshots(checks, rounds)?;
    nothing_lost(checks, rounds)
}

fn plain<const N: usize>(number: u32, arguments: [usize; N]) -> Result<usize> {
    let mut six = [0; 6];
    six[..N].copy_from_slice(&arguments);
    // SAFETY: memory that is changed here was mapped here, and is used through raw pointers only.
    check(unsafe { call(number, six) })
}

fn map(address: usize, size: usize, protection: u32, flags: u32) -> Result<usize> {
    plain(abi::__NR_mmap, [address, size, protection as usize, flags as usize, usize::MAX, 0])
}

fn unmap(address: usize, size: usize) -> Result<usize> {
    plain(abi::__NR_munmap, [address, size])
}

fn protect(address: usize, size: usize, protection: u32) -> Result<usize> {
    plain(abi::__NR_mprotect, [address, size, protection as usize])
}

fn remap(address: usize, old: usize, new: usize, flags: u32, to: usize) -> Result<usize> {
    plain(abi::__NR_mremap, [address, old, new, flags as usize, to])
}

fn advise(address: usize, size: usize, advice: u32) -> Result<usize> {
    plain(abi::__NR_madvise, [address, size, advice as usize])
}

fn store(address: usize, value: u64) {
    // SAFETY: the callers' memory, or a fault that they wait for.
    unsafe { (address as *mut u64).write_volatile(value) };
}

fn load(address: usize) -> u64 {
    // SAFETY: as above.
    unsafe { (address as *const u64).read_volatile() }
}

/// How a child ends that runs `body`.
fn child(body: impl FnOnce() -> u8) -> Result<i32> {
    wait(fork(body)? as isize, 0).map(|(_, status)| status)
}

fn places(checks: &mut Checks) -> Result<()> {
    let room = map(0, 16 * PAGE, READ, PRIVATE)?;
    unmap(room, 16 * PAGE)?;
    checks.that("a wish for a place", map(room + 3 * PAGE, PAGE, WRITE, PRIVATE)? == room + 3 * PAGE);
    store(room + 3 * PAGE, 7);
    checks.that("a wish for a place that is taken", map(room + 3 * PAGE, PAGE, READ, PRIVATE)? != room + 3 * PAGE);
    let taken = map(room + 2 * PAGE, 4 * PAGE, READ, PRIVATE | abi::MAP_FIXED_NOREPLACE);
    checks.refused("a place only if it is free", taken, errno::EEXIST);
    checks.that("what was there", load(room + 3 * PAGE) == 7);
    let fixed = map(room + 2 * PAGE, 4 * PAGE, READ, PRIVATE | abi::MAP_FIXED)?;
    checks.that("a place by all means", fixed == room + 2 * PAGE && load(room + 3 * PAGE) == 0);
    let populated = map(0, 4 * PAGE, WRITE, PRIVATE | abi::MAP_POPULATE)?;
    checks.that("memory that is there at once", resident(populated, 4)? == [1; 4]);
    unmap(populated, 4 * PAGE)?;
    Ok(())
}

fn resident(address: usize, pages: usize) -> Result<[u8; 4]> {
    let mut bytes = [0; 4];
    plain(abi::__NR_mincore, [address, pages * PAGE, bytes.as_mut_ptr() as usize])?;
    Ok(bytes.map(|byte| byte & 1))
}

fn refusals(checks: &mut Checks) {
    let everything = READ | abi::PROT_WRITE | abi::PROT_EXEC;
    checks.refused("mmap of no kind", map(0, PAGE, READ, abi::MAP_ANONYMOUS), errno::EINVAL);
    checks.refused("mmap at half a page", map(PAGE + 8, PAGE, READ, PRIVATE | abi::MAP_FIXED), errno::EINVAL);
    checks.refused("mmap beyond the end", map(1 << 48, PAGE, READ, PRIVATE | abi::MAP_FIXED), errno::ENOMEM);
    checks.refused("mmap of too much", map(0, 1 << 47, READ, PRIVATE), errno::ENOMEM);
    checks.refused("mmap of no file", map(0, PAGE, READ, abi::MAP_PRIVATE), errno::EBADF);
    let offset = plain(abi::__NR_mmap, [0, PAGE, 1, PRIVATE as usize, usize::MAX, 8]);
    checks.refused("mmap from half a page", offset, errno::EINVAL);
    checks.refused("memory to write and run", map(0, PAGE, everything, PRIVATE), errno::EACCES);
    checks.refused("mprotect of nothing there", protect(1 << 37, PAGE, READ), errno::ENOMEM);
    checks.refused("mprotect of half a page", protect(8, PAGE, READ), errno::EINVAL);
    checks.that("mprotect of no bytes", protect(0, 0, READ) == Ok(0));
    checks.refused("mprotect with unknown bits", protect(0, PAGE, 0x1000), errno::EINVAL);
    checks.refused("munmap beyond the end", unmap(1 << 48, PAGE), errno::EINVAL);
    checks.refused("mremap of nothing there", remap(1 << 37, PAGE, PAGE, 0, 0), errno::EFAULT);
    checks.refused("mremap to no bytes", remap(1 << 37, PAGE, 0, 0, 0), errno::EINVAL);
    checks.refused("madvise with unknown advice", advise(0, 0, 99), errno::EINVAL);
    checks.refused("madvise of nothing there", advise(1 << 37, PAGE, abi::MADV_DONTNEED), errno::ENOMEM);
    checks.refused("mincore of nothing there", plain(abi::__NR_mincore, [1 << 37, PAGE, 0]), errno::ENOMEM);
    checks.refused("mlock of nothing there", plain(abi::__NR_mlock, [1 << 37, PAGE]), errno::ENOMEM);
    checks.refused("msync of nothing there", plain(abi::__NR_msync, [1 << 37, PAGE, 1]), errno::ENOMEM);
    checks.refused("msync both ways", plain(abi::__NR_msync, [0, 0, 5]), errno::EINVAL);
}

fn protection(checks: &mut Checks) -> Result<()> {
    let room = map(0, 3 * PAGE, WRITE, PRIVATE)?;
    (0..3).for_each(|page| store(room + page * PAGE, page as u64));
    protect(room + PAGE, PAGE, READ)?;
    checks.that("the middle of three", load(room + PAGE) == 1);
    checks.that("a store to it", child(|| stores(room + PAGE))? & 0x7f == abi::SIGSEGV as i32);
    checks.that("a store beside it", child(|| stores(room + 2 * PAGE))? == 0);
    protect(room, 3 * PAGE, abi::PROT_NONE)?;
    checks.that("a load of what is locked away", child(|| load(room) as u8)? & 0x7f == abi::SIGSEGV as i32);
    protect(room, 3 * PAGE, WRITE)?;
    checks.that("what was locked away", (0..3).all(|page| load(room + page * PAGE) == page as u64));
    store(room + PAGE, 8);
    checks.that("a store to what was", load(room + PAGE) == 8);
    unmap(room + PAGE, PAGE)?;
    checks.that("a hole", child(|| load(room + PAGE) as u8)? & 0x7f == abi::SIGSEGV as i32);
    checks.that("around a hole", (load(room), load(room + 2 * PAGE)) == (0, 2));
    unmap(room, 3 * PAGE)?;
    Ok(())
}

fn stores(address: usize) -> u8 {
    store(address, 1);
    0
}

fn moves(checks: &mut Checks) -> Result<()> {
    let room = map(0, 8 * PAGE, WRITE, PRIVATE)?;
    unmap(room + 4 * PAGE, 4 * PAGE)?;
    (0..4).for_each(|page| store(room + page * PAGE, 10 + page as u64));
    checks.that("growing in place", remap(room, 4 * PAGE, 6 * PAGE, 0, 0)? == room);
    checks.that("what grew", (load(room + 3 * PAGE), load(room + 5 * PAGE)) == (13, 0));
    let wall = map(room + 6 * PAGE, PAGE, READ, PRIVATE | abi::MAP_FIXED)?;
    checks.refused("growing into a wall", remap(room, 6 * PAGE, 9 * PAGE, 0, 0), errno::ENOMEM);
    let moved = remap(room, 6 * PAGE, 9 * PAGE, abi::MREMAP_MAYMOVE, 0)?;
    checks.that("moving", moved != room && (0..4).all(|page| load(moved + page * PAGE) == 10 + page as u64));
    checks.that("where it was", child(|| load(room) as u8)? & 0x7f == abi::SIGSEGV as i32);
    let fixed = remap(moved, 9 * PAGE, 2 * PAGE, abi::MREMAP_MAYMOVE | abi::MREMAP_FIXED, room)?;
    checks.that("moving back, less", fixed == room && load(room + PAGE) == 11);
    checks.that("shrinking", remap(room, 2 * PAGE, PAGE, 0, 0)? == room && load(room) == 10);
    checks.that("what it lost", child(|| load(room + PAGE) as u8)? & 0x7f == abi::SIGSEGV as i32);
    unmap(room, PAGE)?;
    unmap(wall, PAGE)?;
    Ok(())
}

fn advice(checks: &mut Checks) -> Result<()> {
    let room = map(0, 4 * PAGE, WRITE, PRIVATE)?;
    (0..4).for_each(|page| store(room + page * PAGE, 5));
    advise(room + PAGE, 2 * PAGE, abi::MADV_DONTNEED)?;
    checks.that("what is not needed", resident(room, 4)? == [1, 0, 0, 1]);
    checks.that("zeros afterwards", (load(room), load(room + PAGE), load(room + 3 * PAGE)) == (5, 0, 5));
    checks.that("advice that says nothing", advise(room, 4 * PAGE, abi::MADV_WILLNEED) == Ok(0));
    checks.that("mlock", plain(abi::__NR_mlock, [room + 8, 2 * PAGE]) == Ok(0));
    checks.that("msync", plain(abi::__NR_msync, [room, 4 * PAGE, abi::MS_SYNC as usize]) == Ok(0));
    unmap(room, 4 * PAGE)?;
    Ok(())
}

fn heap(checks: &mut Checks) {
    let set = |end| plain(abi::__NR_brk, [end]).unwrap_or(0);
    let begin = set(0);
    checks.that("a larger heap", set(begin + 3 * PAGE + 5) == begin + 3 * PAGE + 5);
    store((begin + 3 * PAGE) & !7, 6);
    checks.that("a heap below its beginning", set(PAGE) == begin + 3 * PAGE + 5);
    checks.that("a heap of everything", set(1 << 47) == begin + 3 * PAGE + 5);
    checks.that("a smaller heap", set(begin) == begin && set(begin + 4 * PAGE) == begin + 4 * PAGE);
    checks.that("zeros in a heap that grew again", load((begin + 3 * PAGE) & !7) == 0);
    set(begin);
}

fn forks(checks: &mut Checks) -> Result<()> {
    let (own, shared) = (map(0, 2 * PAGE, WRITE, PRIVATE)?, map(0, 2 * PAGE, WRITE, SHARED)?);
    [own, shared].iter().for_each(|room| store(*room, 1));
    let status = child(|| {
        let seen = load(own) == 1 && load(shared) == 1 && load(own + PAGE) == 0;
        [own, shared, own + PAGE, shared + PAGE].iter().for_each(|address| store(*address, 2));
        let kept = [own, shared, own + PAGE, shared + PAGE].iter().all(|address| load(*address) == 2);
        u8::from(!(seen && kept))
    })?;
    checks.that("what a child sees", status == 0);
    checks.that("what is private", (load(own), load(own + PAGE)) == (1, 0));
    checks.that("what is shared", (load(shared), load(shared + PAGE)) == (2, 2));
    checks.that("a grandchild", child(|| child(|| stores(own)).map_or(9, |_| load(own) as u8 - 1))? == 0);
    unmap(own, 2 * PAGE)?;
    unmap(shared, 2 * PAGE)?;
    Ok(())
}

/// The signal, the code and the address of what `body` does.
fn fault(checks: &mut Checks, what: &str, expected: (u32, u32, usize), body: impl FnOnce()) {
    let before = handled();
    body();
    let told = [&HANDLED.signal, &HANDLED.code, &HANDLED.origin].map(|field| field.load(Ordering::Relaxed) as usize);
    let (signal, code, address) = expected;
    let right = handled() == before + 1 && told == [signal as usize, code as usize, address];
    if !right {
        println!("memory: {what} told {told:x?}");
    }
    checks.that(what, right);
}

fn faults(checks: &mut Checks) -> Result<()> {
    handle(abi::SIGSEGV, abi::SA_NODEFER, 0)?;
    handle(abi::SIGBUS, abi::SA_NODEFER, 0)?;
    HANDLED.skip.store(4, Ordering::Relaxed);
    let room = map(0, 3 * PAGE, READ, PRIVATE)?;
    unmap(room + PAGE, PAGE)?;
    protect(room + 2 * PAGE, PAGE, abi::PROT_NONE)?;
    let (nothing, refused) = (abi::SEGV_MAPERR, abi::SEGV_ACCERR);
    fault(checks, "a load of nothing", (abi::SIGSEGV, nothing, room + PAGE + 8), || _ = load(room + PAGE + 8));
    let tagged = 0x5a << 56 | (room + PAGE);
    fault(checks, "a load through a tagged pointer", (abi::SIGSEGV, nothing, room + PAGE), || _ = load(tagged));
    fault(checks, "a load of null", (abi::SIGSEGV, nothing, 0), || _ = load(core::hint::black_box(0)));
    fault(checks, "a store to constants", (abi::SIGSEGV, refused, room), || store(room, 1));
    let locked = room + 2 * PAGE;
    fault(checks, "a load of what is locked away", (abi::SIGSEGV, refused, locked), || _ = load(locked));
    fault(checks, "a load of the kernel", (abi::SIGSEGV, nothing, KERNEL_ADDRESS), || _ = load(KERNEL_ADDRESS));
    fault(checks, "a store to the kernel", (abi::SIGSEGV, nothing, KERNEL_ADDRESS), || store(KERNEL_ADDRESS, 0));
    unmap(room, 3 * PAGE)?;
    Ok(())
}

/// A file of a page and a half, mapped in every way.
fn files(checks: &mut Checks) -> Result<()> {
    const SIZE: usize = PAGE + PAGE / 2;
    let open = |flags: u32| {
        let here = abi::AT_FDCWD as usize;
        plain(abi::__NR_openat, [here, c"/memory".as_ptr() as usize, flags as usize, 0o600])
    };
    let at = |file: usize, size: usize, protection: u32, kind: u32, offset: usize| {
        plain(abi::__NR_mmap, [0, size, protection as usize, kind as usize, file, offset])
    };
    let file = open(abi::O_RDWR | abi::O_CREAT)?;
    plain(abi::__NR_pwrite64, [file, [7_u8; SIZE].as_ptr() as usize, SIZE, 0])?;
    let own = at(file, 3 * PAGE, WRITE, abi::MAP_PRIVATE, 0)?;
    let shared = at(file, 3 * PAGE, WRITE, abi::MAP_SHARED, 0)?;
    let sevens = u64::from_ne_bytes([7; 8]);
    checks.that("a file's bytes", [own, shared].iter().all(|room| load(*room) == sevens));
    checks.that("zeros behind a file's bytes", load(own + SIZE) == 0);
    store(own, 1);
    checks.that("a store to a copy", (load(own), load(shared)) == (1, sevens));
    store(shared + 8, 2);
    let mut read = 0_u64;
    plain(abi::__NR_pread64, [file, &raw mut read as usize, 8, 8])?;
    checks.that("a store to a file", read == 2);
    plain(abi::__NR_pwrite64, [file, &raw const SEVENTY as usize, 8, 16])?;
    checks.that("a file that is written", load(shared + 16) == SEVENTY);
    checks.that("a child's store to a file", child(|| stores(shared + 24))? == 0 && load(shared + 24) == 1);
    let beyond = own + 2 * PAGE;
    fault(checks, "a load behind a file", (abi::SIGBUS, abi::BUS_ADRERR, beyond), || _ = load(beyond));
    let second = at(file, PAGE, READ, abi::MAP_SHARED, PAGE)?;
    checks.that("a file's second page", load(second) == sevens && load(second + PAGE / 2) == 0);
    let read_only = open(abi::O_RDONLY)?;
    checks.refused("stores to what is only read", at(read_only, PAGE, WRITE, abi::MAP_SHARED, 0), errno::EACCES);
    let constant = at(read_only, PAGE, READ, abi::MAP_SHARED, 0)?;
    checks.refused("stores to it later", protect(constant, PAGE, WRITE), errno::EACCES);
    let [from, _] = pipe()?;
    checks.refused("a pipe that is mapped", at(from as usize, PAGE, READ, abi::MAP_PRIVATE, 0), errno::ENODEV);
    for room in [own, shared] {
        unmap(room, 3 * PAGE)?;
    }
    plain(abi::__NR_close, [file])?;
    checks.that("a file that is closed and mapped", load(constant + 8) == 2);
    Ok(())
}

static SEVENTY: u64 = 70;

static COUNTING: AtomicBool = AtomicBool::new(true);
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A thread stores to memory all the time while children are made. What a child sees of it must stand still.
fn snapshots(checks: &mut Checks, rounds: usize) -> Result<()> {
    let thread = thread::spawn(|| {
        while COUNTING.load(Ordering::Relaxed) {
            COUNTER.fetch_add(1, Ordering::Relaxed);
        }
    })?;
    let mut still = true;
    for _ in 0..rounds {
        still &= child(|| {
            let first = COUNTER.load(Ordering::Relaxed);
            let moves = spin_until(Duration::from_millis(3), || COUNTER.load(Ordering::Relaxed) != first);
            u8::from(moves)
        })? == 0;
    }
    COUNTING.store(false, Ordering::Relaxed);
    thread.join();
    checks.that("a child's memory while a thread stores to its parent's", still);
    Ok(())
}

/// As many frames as before are in use when children have come and gone.
fn nothing_lost(checks: &mut Checks, rounds: usize) -> Result<()> {
    let lives = |count: usize| {
        (0..count).try_for_each(|number| {
            child(|| {
                let room = map(0, 64 * PAGE, WRITE, PRIVATE).unwrap_or(0);
                (0..64).for_each(|page| store(room + page * PAGE, 1));
                COUNTER.fetch_add(1, Ordering::Relaxed);
                // Every other one is ended.
                if number % 2 == 0 { 0 } else { _ = kill(getpid(), abi::SIGKILL); 1 }
            })
            .map(|_| ())
        })
    };
    // What the kernel keeps for next time comes with the first.
    lives(rounds)?;
    let Ok(before) = settled(frames_in_use) else { return Ok(()) };
    lives(rounds)?;
    let after = settled(frames_in_use)?;
    if after > before {
        println!("memory: {before} frames in use before {rounds} children, {after} after them");
    }
    checks.that("what children leave behind", after <= before);
    Ok(())
}

/// The least that `frames` gives within a while: tasks that have ended are freed a little later.
fn settled(frames: fn() -> Result<usize>) -> Result<usize> {
    let mut least = frames()?;
    for _ in 0..200 {
        sched_yield();
        spin_until(Duration::from_micros(500), || false);
        least = least.min(frames()?);
    }
    Ok(least)
}
