//! `futexes [N]`: every operation on futexes, between threads and between processes, what a thread leaves behind, and N
//! rounds of threads that wait for each other in all of these ways at once: a wake-up that is lost ends in no end.

use core::ptr::from_ref;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use crate::runtime::print::println;
use crate::runtime::process::{fork, handle, handled, wait as wait_for};
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{
    Errno, Result, abi, call, check, clock_gettime, errno, getpid, gettid, nanosleep, tgkill, timespec,
};
use crate::runtime::tests::{self, Test};
use crate::runtime::thread::{Thread, spawn};

const PRIVATE: u32 = abi::FUTEX_PRIVATE_FLAG;
const MILLISECOND: Duration = Duration::from_millis(1);

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    let rounds = arguments.number(1).unwrap_or(300) as u32;
    let tests: [Test; 8] = [
        ("bad arguments are refused", refused),
        ("a limit ends a wait, relative or absolute", limits),
        ("a handler ends a wait, or does not", interrupted),
        ("who is woken has a bit in common", bits),
        ("some wake, others wait elsewhere", requeued),
        ("two words at once", two_words),
        ("shared memory is the same word for two processes", shared),
        ("a thread that ends marks the locks that it held", robust),
    ];
    let mut wrong = tests::run("futexes", &tests);
    if stress(rounds) != Ok(true) {
        println!("futexes: threads that wait for each other: not all came through");
        wrong += 1;
    }
    println!("futexes: {} tests and {rounds} rounds, {wrong} failed", tests.len());
    u8::from(wrong > 0)
}

/// A call on two words. What the fourth argument is depends on the operation.
fn futex(word: &AtomicU32, operation: u32, value: u32, fourth: usize, other: &AtomicU32, last: u32) -> Result<usize> {
    let [word, other] = [word, other].map(|word| from_ref(word) as usize);
    // SAFETY: words and times are memory of the caller's.
    check(unsafe {
        call(abi::__NR_futex, [word, operation as usize, value as usize, fourth, other, last as usize])
    })
}

fn wait(word: &AtomicU32, value: u32, limit: Option<Duration>) -> Result<usize> {
    let limit = limit.map(timespec);
    futex(word, abi::FUTEX_WAIT | PRIVATE, value, limit.as_ref().map_or(0, |time| from_ref(time) as usize), word, 0)
}

fn wait_for_bits(word: &AtomicU32, value: u32, until: Option<Duration>, bits: u32, flags: u32) -> Result<usize> {
    let until = until.map(timespec);
    let until = until.as_ref().map_or(0, |time| from_ref(time) as usize);
    futex(word, abi::FUTEX_WAIT_BITSET | PRIVATE | flags, value, until, word, bits)
}

fn wake(word: &AtomicU32, most: u32) -> Result<usize> {
    futex(word, abi::FUTEX_WAKE | PRIVATE, most, 0, word, 0)
}

/// Until so many have been woken: those that are to wait may not have come that far.
fn wake_all_of(expected: usize, mut wake_some: impl FnMut() -> Result<usize>) -> Result<bool> {
    let mut woken = 0;
    for _ in 0..2000 {
        woken += wake_some()?;
        if woken >= expected {
            return Ok(woken == expected);
        }
        nanosleep(MILLISECOND)?;
    }
    Ok(false)
}

fn refused() -> Result<bool> {
    let word = AtomicU32::new(1);
    let fails = |operation, fourth, last, why| {
        futex(&word, operation, 1, fourth, &word, last) == Err(Errno(why))
    };
    let shift = from_ref(&word) as usize + 1;
    // SAFETY: nothing is touched.
    let misaligned = check(unsafe { call(abi::__NR_futex, [shift, 0, 1, 0, 0, 0]) });
    // SAFETY: nothing is there.
    let nowhere = check(unsafe { call(abi::__NR_futex, [8, abi::FUTEX_WAIT as usize, 0, 0, 0, 0]) });
    Ok(fails(abi::FUTEX_WAIT_BITSET, 0, 0, errno::EINVAL)
        && fails(abi::FUTEX_WAKE_BITSET, 0, 0, errno::EINVAL)
        && fails(abi::FUTEX_WAIT, 8, 0, errno::EFAULT)
        && fails(abi::FUTEX_WAKE | abi::FUTEX_CLOCK_REALTIME, 0, 0, errno::ENOSYS)
        && fails(abi::FUTEX_WAKE_OP, 0, 7 << 28, errno::ENOSYS)
        && fails(abi::FUTEX_LOCK_PI, 0, 0, errno::ENOSYS)
        && fails(abi::FUTEX_CMP_REQUEUE, 1, 9, errno::EAGAIN)
        && misaligned == Err(Errno(errno::EINVAL))
        && nowhere == Err(Errno(errno::EFAULT)))
}

fn limits() -> Result<bool> {
    const TIMED_OUT: Result<usize> = Err(Errno(errno::ETIMEDOUT));
    let (word, time) = (AtomicU32::new(0), 5 * MILLISECOND);
    let start = clock_gettime()?;
    let relative = wait(&word, 0, Some(time));
    let after_one = clock_gettime()? - start;
    let absolute = wait_for_bits(&word, 0, Some(start + 3 * time), u32::MAX, 0);
    let after_two = clock_gettime()? - start;
    let past = wait_for_bits(&word, 0, Some(time), u32::MAX, abi::FUTEX_CLOCK_REALTIME);
    let right = relative == TIMED_OUT && absolute == TIMED_OUT && past == TIMED_OUT;
    Ok(right && after_one >= time && after_two >= 3 * time)
}

/// Another thread sends this one a signal, and changes the word a while later.
fn interrupted() -> Result<bool> {
    static WORD: AtomicU32 = AtomicU32::new(0);
    let (process, thread) = (getpid(), gettid());
    let wait_through_signal = |flags, limit, pause: Duration| -> Result<Result<usize>> {
        handle(abi::SIGUSR1, flags, 0)?;
        WORD.store(0, Ordering::Relaxed);
        let other = spawn(move || {
            _ = nanosleep(pause);
            _ = tgkill(process, thread, abi::SIGUSR1);
            _ = nanosleep(pause);
            WORD.store(1, Ordering::Release);
            _ = wake(&WORD, 1);
        })?;
        let result = wait(&WORD, 0, limit);
        other.join();
        Ok(result)
    };
    // On a busy machine the signal may come before the wait, or the change before it is begun again: once more, with more time.
    let ends_with = |expected, flags, limit| -> Result<bool> {
        for pause in [10 * MILLISECOND, 50 * MILLISECOND, 250 * MILLISECOND] {
            let before = handled();
            let result = wait_through_signal(flags, limit, pause)?;
            if result == expected || handled() != before + 1 {
                return Ok(result == expected && handled() == before + 1);
            }
        }
        Ok(false)
    };
    let interrupted = Err(Errno(errno::EINTR));
    // What has a limit is not begun again after a handler.
    Ok(ends_with(Ok(0), abi::SA_RESTART, None)?
        && ends_with(interrupted, 0, None)?
        && ends_with(interrupted, abi::SA_RESTART, Some(Duration::from_secs(10)))?)
}

fn bits() -> Result<bool> {
    static WORD: AtomicU32 = AtomicU32::new(0);
    let waiters = [1, 2].map(|bits| spawn(move || _ = wait_for_bits(&WORD, 0, None, bits, 0)));
    let wake_bits = |bits| futex(&WORD, abi::FUTEX_WAKE_BITSET | PRIVATE, 9, 0, &WORD, bits);
    let right = wake_all_of(1, || wake_bits(2))? && wake_bits(4)? == 0 && wake_all_of(1, || wake_bits(3))?;
    waiters.into_iter().flatten().for_each(Thread::join);
    Ok(right)
}

fn requeued() -> Result<bool> {
    static FROM: AtomicU32 = AtomicU32::new(0);
    static TO: AtomicU32 = AtomicU32::new(0);
    let waiters = [0; 5].map(|_| spawn(|| _ = wait(&FROM, 0, None)));
    // Once one has been woken, the others may still come.
    let mut moved = 0;
    let one_woken = wake_all_of(1, || futex(&FROM, abi::FUTEX_REQUEUE | PRIVATE, 1, 0, &TO, 0))?;
    let all_moved = wake_all_of(4, || {
        let now = futex(&FROM, abi::FUTEX_CMP_REQUEUE | PRIVATE, 0, 9, &TO, 0)?;
        moved += now;
        Ok(now)
    })?;
    let nobody = wake(&FROM, 9)? == 0;
    let all_woken = wake_all_of(4, || wake(&TO, 2))?;
    waiters.into_iter().flatten().for_each(Thread::join);
    Ok(one_woken && all_moved && moved == 4 && nobody && all_woken)
}

/// Adds one to the second word; wakes on it only if it was five.
fn two_words() -> Result<bool> {
    static ONE: AtomicU32 = AtomicU32::new(0);
    static TWO: AtomicU32 = AtomicU32::new(4);
    const ADD_ONE_IF_FIVE: u32 = abi::FUTEX_OP_ADD << 28 | abi::FUTEX_OP_CMP_EQ << 24 | 1 << 12 | 5;
    let waiters = [
        spawn(|| _ = wait(&ONE, 0, None)),
        spawn(|| {
            while TWO.load(Ordering::Acquire) < 6 {
                _ = wait(&TWO, TWO.load(Ordering::Acquire), None);
            }
        }),
    ];
    nanosleep(10 * MILLISECOND)?;
    let both = |most: u32| futex(&ONE, abi::FUTEX_WAKE_OP | PRIVATE, most, 1, &TWO, ADD_ONE_IF_FIVE);
    let first = both(1)?;
    let added = TWO.load(Ordering::Relaxed) == 5;
    // The second waiter may just be looking, and then it does not wait for five.
    let second = both(1)?;
    let right = first == 1 && added && second <= 1 && TWO.load(Ordering::Relaxed) == 6;
    wake(&TWO, 1)?;
    waiters.into_iter().flatten().for_each(Thread::join);
    Ok(right)
}

fn shared() -> Result<bool> {
    let (protection, flags) = (abi::PROT_READ | abi::PROT_WRITE, abi::MAP_SHARED | abi::MAP_ANONYMOUS);
    // SAFETY: fresh memory.
    let page = check(unsafe {
        call(abi::__NR_mmap, [0, 4096, protection as usize, flags as usize, usize::MAX, 0])
    })?;
    // SAFETY: it is mapped, zero, and stays.
    let words = unsafe { &*(page as *const [AtomicU32; 2]) };
    let shared_wait = |word: &AtomicU32, value| futex(word, abi::FUTEX_WAIT, value, 0, word, 0);
    let shared_wake = |word: &AtomicU32| futex(word, abi::FUTEX_WAKE, 1, 0, word, 0);
    let turns = 200;
    let play = |own: &AtomicU32, other: &AtomicU32| {
        for turn in 0..turns {
            while own.load(Ordering::Acquire) == turn {
                _ = shared_wait(own, turn);
            }
            other.store(turn + 1, Ordering::Release);
            _ = shared_wake(other);
        }
    };
    let child = fork(|| {
        play(&words[0], &words[1]);
        0
    })?;
    words[0].store(1, Ordering::Release);
    shared_wake(&words[0])?;
    for turn in 0..turns {
        while words[1].load(Ordering::Acquire) == turn {
            _ = shared_wait(&words[1], turn);
        }
        words[0].store(turn + 2, Ordering::Release);
        shared_wake(&words[0])?;
    }
    Ok(wait_for(child as isize, 0)? == (child, 0))
}

/// A lock in a list of such: the next one, and the word.
#[repr(C)]
struct Entry {
    next: usize,
    word: AtomicU32,
}

/// The list's head: the first entry, where the word is in each, and the one that is being changed.
#[repr(C)]
struct Head {
    first: usize,
    offset: usize,
    pending: usize,
}

fn robust() -> Result<bool> {
    static LOCKS: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];
    static OWNER: AtomicU32 = AtomicU32::new(0);
    let owner = spawn(|| {
        let number = gettid() as u32;
        // The words are not in the entries, as far as this goes; the list ends at its head.
        let mut head = Head { first: 0, offset: 0, pending: from_ref(&LOCKS[1]) as usize };
        head.first = from_ref(&head) as usize;
        LOCKS.iter().for_each(|lock| lock.store(number, Ordering::Relaxed));
        let entry = Entry { next: from_ref(&head) as usize, word: AtomicU32::new(number | abi::FUTEX_WAITERS) };
        head.first = from_ref(&entry) as usize;
        head.offset = core::mem::offset_of!(Entry, word);
        head.pending = (from_ref(&LOCKS[1]) as usize).wrapping_sub(head.offset);
        // SAFETY: the head lives until the thread's end; the stack stays after it.
        let set = check(unsafe { call(abi::__NR_set_robust_list, [from_ref(&head) as usize, 24, 0, 0, 0, 0]) });
        MARKED.store(from_ref(&entry.word) as usize as u64, Ordering::Release);
        OWNER.store(if set.is_ok() { number } else { 1 }, Ordering::Release);
        _ = wake(&OWNER, 1);
        // Somebody waits for the lock in the list when it ends.
        _ = nanosleep(20 * MILLISECOND);
        core::hint::black_box((&head, &entry));
        crate::runtime::syscall::exit_thread();
    })?;
    while OWNER.load(Ordering::Acquire) == 0 {
        _ = wait(&OWNER, 0, None);
    }
    let number = OWNER.load(Ordering::Acquire);
    // SAFETY: the other thread's stack stays until the process ends.
    let word = unsafe { &*(MARKED.load(Ordering::Acquire) as usize as *const AtomicU32) };
    // Not private: the kernel's wake-up is not either.
    let woken = futex(word, abi::FUTEX_WAIT, number | abi::FUTEX_WAITERS, 0, word, 0);
    owner.join();
    let died = abi::FUTEX_OWNER_DIED;
    let marked = word.load(Ordering::Acquire) == died | abi::FUTEX_WAITERS;
    let pending = LOCKS[1].load(Ordering::Acquire) == died;
    // It was in no list.
    let untouched = LOCKS[0].load(Ordering::Acquire) == number;
    Ok(woken == Ok(0) && marked && pending && untouched)
}

/// Where the word of the lock is that a thread leaves behind.
static MARKED: core::sync::atomic::AtomicU64 = core::sync::atomic::AtomicU64::new(0);

/// Threads pass tokens round in a ring. Each takes one with one kind of wait and gives it on with one kind of wake-up.
fn stress(rounds: u32) -> Result<bool> {
    const RING: usize = 6;
    static TOKENS: [AtomicU32; RING] = [const { AtomicU32::new(0) }; RING];
    let take = |word: &AtomicU32, kind: u32| {
        loop {
            let tokens = word.load(Ordering::Acquire);
            if tokens > 0 {
                if word.compare_exchange(tokens, tokens - 1, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                    return;
                }
            } else {
                _ = match kind % 3 {
                    0 => wait(word, 0, None),
                    1 => wait(word, 0, Some(Duration::from_micros(200))),
                    _ => wait_for_bits(word, 0, None, 1 << (kind % 7), 0),
                };
            }
        }
    };
    let give = |word: &AtomicU32, kind: u32| {
        word.fetch_add(1, Ordering::AcqRel);
        _ = match kind % 4 {
            0 => wake(word, 1),
            1 => futex(word, abi::FUTEX_WAKE_BITSET | PRIVATE, 9, 0, word, u32::MAX),
            2 => futex(word, abi::FUTEX_CMP_REQUEUE | PRIVATE, 1, 0, word, word.load(Ordering::Relaxed)).or_else(|_| wake(word, 1)),
            _ => futex(word, abi::FUTEX_WAKE_OP | PRIVATE, 1, 0, word, abi::FUTEX_OP_ADD << 28),
        };
    };
    TOKENS[0].store(3, Ordering::Relaxed);
    let threads: [_; RING] = core::array::from_fn(|index| {
        spawn(move || {
            for round in 0..rounds {
                take(&TOKENS[index], round + index as u32);
                give(&TOKENS[(index + 1) % RING], round / 3 + index as u32);
            }
        })
    });
    let started = threads.iter().filter(|thread| thread.is_ok()).count();
    threads.into_iter().flatten().for_each(Thread::join);
    Ok(started == RING && TOKENS.iter().map(|token| token.load(Ordering::Relaxed)).sum::<u32>() == 3)
}
