//! `clocks`: the clocks, sleeping by them and being interrupted, timers that send signals, and CPU time.

use core::ptr::from_ref;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use crate::runtime::clock::spin_for;
use crate::runtime::print::println;
use crate::runtime::process::{HANDLED, fork, handle, handled, set_action, set_blocked, set_of, wait};
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Errno, Result, abi, call, check, errno, getpid, gettid, kill, nanosleep, timespec};
use crate::runtime::tests::{self, Test};
use crate::runtime::thread::spawn;
use crate::runtime::timer::{PosixTimer, set_interval, sleep_until};

const NANOSECOND: Duration = Duration::from_nanos(1);
const TICK: Duration = Duration::from_millis(4);
/// What a busy host may make of a short time.
const SLACK: Duration = Duration::from_millis(150);
/// What it cannot make of each of so many.
const TRIES: u32 = 20;
/// Something took longer than it should.
static LATE: AtomicBool = AtomicBool::new(false);

/// The program.
pub fn main(_: Arguments) -> u8 {
    let tests: [Test; 14] = [
        ("the clocks that there are", clocks),
        ("the time of day can be set, and sleepers hear of it", || patiently(set_clock)),
        ("short sleeps do not wait for ticks", || patiently(short_sleeps)),
        ("absolute sleeps", || patiently(absolute_sleeps)),
        ("a handler ends a sleep, and what is left is told", || patiently(interrupted_sleep)),
        ("a stopped sleep goes on", || patiently(stopped_sleep)),
        ("an interval timer repeats", interval_timer),
        ("interval timers by CPU time", || patiently(cpu_timers)),
        ("a timer that is not one", no_timer),
        ("a timer with a value", timer_signal),
        ("a timer for one thread", timer_for_thread),
        ("what a blocked signal misses is counted", overrun),
        ("CPU time is that of running", || patiently(cpu_time)),
        ("CPU time of threads and children", usage),
    ];
    let wrong = tests::run("clocks", &tests);
    println!("clocks: {} tests, {wrong} failed", tests.len());
    u8::from(wrong > 0)
}

/// Whether it was over in less than `limit`: what the host decides, too.
fn soon(time: Duration, limit: Duration) -> bool {
    LATE.fetch_or(time >= limit, Ordering::Relaxed);
    time < limit
}

/// Makes a test again that went wrong and had something late in it. What is wrong, and not late, is wrong at once.
fn patiently(test: fn() -> Result<bool>) -> Result<bool> {
    for _ in 1..TRIES {
        LATE.store(false, Ordering::Relaxed);
        let result = test();
        if result == Ok(true) || !LATE.load(Ordering::Relaxed) {
            return result;
        }
    }
    test()
}

/// A call that touches no memory but what is passed to it here.
fn plain<const N: usize>(number: u32, arguments: [usize; N]) -> Result<usize> {
    let mut six = [0; 6];
    six[..N].copy_from_slice(&arguments);
    // SAFETY: what is passed is memory of the caller's.
    check(unsafe { call(number, six) })
}

fn now(clock: u32) -> Result<Duration> {
    let mut time = [0_u64; 2];
    plain(abi::__NR_clock_gettime, [clock as usize, &raw mut time as usize])?;
    Ok(Duration::new(time[0], time[1] as u32))
}

fn monotonic() -> Result<Duration> {
    now(abi::CLOCK_MONOTONIC)
}

fn clocks() -> Result<bool> {
    const TWENTY_TWENTY: Duration = Duration::from_secs(1_577_836_800);
    let mut right = true;
    for clock in [abi::CLOCK_MONOTONIC, abi::CLOCK_MONOTONIC_RAW, abi::CLOCK_MONOTONIC_COARSE, abi::CLOCK_BOOTTIME] {
        right &= now(clock)? < TWENTY_TWENTY;
    }
    let mut day = [0_u64; 2];
    plain(abi::__NR_gettimeofday, [&raw mut day as usize, 0])?;
    let day = Duration::new(day[0], day[1] as u32 * 1000);
    for clock in [abi::CLOCK_REALTIME, abi::CLOCK_REALTIME_COARSE] {
        right &= now(clock)? > TWENTY_TWENTY && now(clock)?.saturating_sub(day) < Duration::from_secs(1);
    }
    let resolution = |clock: u32| -> Result<Duration> {
        let mut time = [0_u64; 2];
        plain(abi::__NR_clock_getres, [clock as usize, &raw mut time as usize])?;
        Ok(Duration::new(time[0], time[1] as u32))
    };
    right &= resolution(abi::CLOCK_MONOTONIC)? == NANOSECOND && resolution(abi::CLOCK_REALTIME_COARSE)? == TICK;
    // Process 0 is whoever asks; of no process there is no clock.
    let of_process = |id: u32| (!id << 3 | 2) as usize;
    right &= plain(abi::__NR_clock_getres, [of_process(0), 0]).is_ok();
    right &= plain(abi::__NR_clock_getres, [of_process(getpid() as u32), 0]).is_ok();
    right &= plain(abi::__NR_clock_getres, [of_process(0x3f_ffff), 0]) == Err(Errno(errno::EINVAL));
    Ok(right && plain(abi::__NR_clock_getres, [99, 0]) == Err(Errno(errno::EINVAL)))
}

fn set_day(time: Duration) -> Result<()> {
    let time = timespec(time);
    plain(abi::__NR_clock_settime, [abi::CLOCK_REALTIME as usize, from_ref(&time) as usize]).map(|_| ())
}

/// A thread sleeps for an hour, and wakes because somebody says that the hour is over.
fn set_clock() -> Result<bool> {
    const HOUR: Duration = Duration::from_secs(3600);
    let (day, start) = (now(abi::CLOCK_REALTIME)?, monotonic()?);
    let sleeper = spawn(move || _ = sleep_until(abi::CLOCK_REALTIME, day + HOUR))?;
    nanosleep(Duration::from_millis(10))?;
    set_day(day + HOUR)?;
    sleeper.join();
    let later = now(abi::CLOCK_REALTIME)?;
    let passed = monotonic()? - start;
    set_day(day + passed)?;
    Ok(later >= day + HOUR && soon(passed, SLACK) && later < day + HOUR + SLACK)
}

/// If each waited for a tick, twenty would take eighty milliseconds.
fn short_sleeps() -> Result<bool> {
    let start = monotonic()?;
    (0..20).try_for_each(|_| nanosleep(Duration::from_millis(1)))?;
    let time = monotonic()? - start;
    Ok(time >= Duration::from_millis(20) && soon(time, 15 * TICK))
}

fn absolute_sleeps() -> Result<bool> {
    let mut right = true;
    for clock in [abi::CLOCK_MONOTONIC, abi::CLOCK_REALTIME, abi::CLOCK_BOOTTIME] {
        let due = now(clock)? + Duration::from_millis(5);
        sleep_until(clock, due)?;
        let woke = now(clock)?;
        right &= woke >= due && soon(woke.saturating_sub(due), SLACK);
        // The past is over at once.
        right &= sleep_until(clock, due).is_ok() && soon(now(clock)?.saturating_sub(woke), SLACK);
    }
    let refused = sleep_until(abi::CLOCK_MONOTONIC_RAW, Duration::ZERO);
    Ok(right && refused == Err(Errno(errno::EOPNOTSUPP)))
}

fn interrupted_sleep() -> Result<bool> {
    handle(abi::SIGALRM, abi::SA_RESTART, 0)?;
    let (sleep, alarm) = (Duration::from_millis(300), Duration::from_millis(20));
    let start = monotonic()?;
    set_interval(abi::ITIMER_REAL, alarm, Duration::ZERO)?;
    let (time, mut left) = (timespec(sleep), [0_u64; 2]);
    let ended = plain(abi::__NR_nanosleep, [from_ref(&time) as usize, &raw mut left as usize]);
    let left = Duration::new(left[0], left[1] as u32);
    let in_time = soon(monotonic()? - start, sleep - Duration::from_millis(50));
    // More is left only if the sleep began late after the alarm was set.
    let slept_all = soon(left, sleep - alarm + Duration::from_nanos(1));
    Ok(in_time && ended == Err(Errno(errno::EINTR)) && left > Duration::from_millis(50) && slept_all)
}

/// A child stops its parent, and has it go on a while later.
fn stopped_sleep() -> Result<bool> {
    let parent = getpid();
    let child = fork(move || {
        let pause = || nanosleep(Duration::from_millis(15));
        let done = pause().and_then(|()| kill(parent, abi::SIGSTOP)).and_then(|()| pause());
        u8::from(done.and_then(|()| kill(parent, abi::SIGCONT)).is_err())
    })?;
    let (start, sleep) = (monotonic()?, Duration::from_millis(60));
    nanosleep(sleep)?;
    let slept = monotonic()? - start;
    let in_time = soon(slept, sleep + SLACK);
    Ok(slept >= sleep && wait(child as isize, 0)? == (child, 0) && in_time)
}

fn interval_timer() -> Result<bool> {
    handle(abi::SIGALRM, 0, 0)?;
    let (before, interval) = (handled(), Duration::from_millis(3));
    set_interval(abi::ITIMER_REAL, interval, interval)?;
    for _ in 0..4 {
        // Each is interrupted.
        _ = nanosleep(Duration::from_secs(1));
    }
    let mut set = [[0_u64; 2]; 2];
    plain(abi::__NR_getitimer, [abi::ITIMER_REAL as usize, &raw mut set as usize])?;
    let left = set_interval(abi::ITIMER_REAL, Duration::ZERO, Duration::ZERO)?;
    let after = handled();
    nanosleep(4 * interval)?;
    let is_set = set[0] == [0, 3000] && set[1] != [0, 0] && left <= interval;
    Ok(after >= before + 4 && handled() == after && is_set)
}

fn cpu_timers() -> Result<bool> {
    let mut right = true;
    for (which, signal) in [(abi::ITIMER_VIRTUAL, abi::SIGVTALRM), (abi::ITIMER_PROF, abi::SIGPROF)] {
        handle(signal, 0, 0)?;
        let (before, time) = (handled(), Duration::from_millis(20));
        let start = now(abi::CLOCK_PROCESS_CPUTIME_ID)?;
        set_interval(which, time, Duration::ZERO)?;
        nanosleep(2 * time)?;
        right &= soon(now(abi::CLOCK_PROCESS_CPUTIME_ID)? - start, time) && handled() == before;
        spin_for(2 * time + SLACK);
        right &= handled() == before + 1 && HANDLED.signal.load(Ordering::Relaxed) == u64::from(signal);
    }
    Ok(right)
}

fn no_timer() -> Result<bool> {
    let bad_id = PosixTimer(77).set( NANOSECOND, Duration::ZERO) == Err(Errno(errno::EINVAL));
    let bad_signal = PosixTimer::with(65, abi::SIGEV_SIGNAL, 0, 0) == Err(Errno(errno::EINVAL));
    let bad_thread = PosixTimer::with(10, abi::SIGEV_SIGNAL | abi::SIGEV_THREAD_ID, 0, 0x3f_ffff);
    let silent = PosixTimer::with(0, abi::SIGEV_NONE, 0, 0)?;
    silent.set(Duration::from_secs(9), Duration::ZERO)?;
    let mut left = [[0_u64; 2]; 2];
    plain(abi::__NR_timer_gettime, [silent.0 as usize, &raw mut left as usize])?;
    silent.delete()?;
    let deleted = silent.delete() == Err(Errno(errno::EINVAL));
    Ok(bad_id && bad_signal && bad_thread == Err(Errno(errno::EINVAL)) && left[1][0] == 8 && deleted)
}

fn timer_signal() -> Result<bool> {
    const SIGNAL: u32 = 40;
    handle(SIGNAL, 0, 0)?;
    let (before, value) = (handled(), 0x1234_5678_9abc);
    let timer = PosixTimer::with(SIGNAL, abi::SIGEV_SIGNAL, value, 0)?;
    timer.set(Duration::from_millis(2), Duration::from_millis(2))?;
    for _ in 0..3 {
        _ = nanosleep(Duration::from_secs(1));
    }
    timer.delete()?;
    let origin = HANDLED.origin.load(Ordering::Relaxed) as u32;
    let is_timer = HANDLED.code.load(Ordering::Relaxed) as i32 == abi::SI_TIMER;
    Ok(handled() >= before + 3 && is_timer && origin == timer.0)
}

/// The other thread would have it, too, if it were for the process.
fn timer_for_thread() -> Result<bool> {
    const SIGNAL: u32 = 41;
    handle(SIGNAL, 0, 0)?;
    let before = handled();
    let mask = set_blocked(set_of(SIGNAL))?;
    let timer = PosixTimer::with(SIGNAL, abi::SIGEV_SIGNAL | abi::SIGEV_THREAD_ID, 0, gettid())?;
    timer.set(Duration::from_millis(1), Duration::ZERO)?;
    spawn(|| {
        _ = set_blocked(0);
        spin_for(Duration::from_millis(20));
    })?
    .join();
    let waited = handled() == before;
    set_blocked(mask)?;
    timer.delete()?;
    Ok(waited && handled() == before + 1)
}

fn overrun() -> Result<bool> {
    const SIGNAL: u32 = 42;
    handle(SIGNAL, 0, 0)?;
    let before = handled();
    let mask = set_blocked(set_of(SIGNAL))?;
    let timer = PosixTimer::with(SIGNAL, abi::SIGEV_SIGNAL, 0, 0)?;
    timer.set(Duration::from_millis(2), Duration::from_millis(1))?;
    nanosleep(Duration::from_millis(20))?;
    timer.set(Duration::ZERO, Duration::ZERO)?;
    set_blocked(mask)?;
    let once = handled() == before + 1;
    // As often as user mode could never hear of.
    timer.set(NANOSECOND, NANOSECOND)?;
    spin_for(Duration::from_millis(5));
    let overrun = plain(abi::__NR_timer_getoverrun, [timer.0 as usize])?;
    timer.delete()?;
    set_action(SIGNAL, 1, 0, 0)?;
    Ok(once && overrun > 1000)
}

fn cpu_time() -> Result<bool> {
    let (long, short) = (Duration::from_millis(40), Duration::from_millis(10));
    let before = now(abi::CLOCK_THREAD_CPUTIME_ID)?;
    nanosleep(long)?;
    let asleep = now(abi::CLOCK_THREAD_CPUTIME_ID)? - before;
    let (before, process) = (now(abi::CLOCK_THREAD_CPUTIME_ID)?, now(abi::CLOCK_PROCESS_CPUTIME_ID)?);
    let start = monotonic()?;
    spin_for(long);
    let (passed, ran) = (monotonic()? - start, now(abi::CLOCK_THREAD_CPUTIME_ID)? - before);
    let all = now(abi::CLOCK_PROCESS_CPUTIME_ID)? - process;
    // Others may have run meanwhile, on this CPU.
    Ok(soon(asleep, short) && ran > short && ran <= passed + short && all + short > ran)
}

/// In microseconds: user, system.
fn rusage(whose: i32) -> Result<[u64; 2]> {
    let mut words = [0_u64; 18];
    plain(abi::__NR_getrusage, [whose as usize, &raw mut words as usize])?;
    Ok([words[0] * 1_000_000 + words[1], words[2] * 1_000_000 + words[3]])
}

fn usage() -> Result<bool> {
    let time = Duration::from_millis(60);
    let before = rusage(0)?;
    spawn(move || spin_for(time))?.join();
    let after = rusage(0)?;
    let of_thread = after[0].saturating_sub(before[0]);

    let before = rusage(abi::RUSAGE_CHILDREN)?;
    let child = fork(move || {
        spin_for(time);
        0
    })?;
    let (mut status, mut words) = (0_i32, [0_u64; 18]);
    plain(abi::__NR_wait4, [child, &raw mut status as usize, 0, &raw mut words as usize])?;
    let after = rusage(abi::RUSAGE_CHILDREN)?;
    let of_child = after[0].saturating_sub(before[0]);
    let told = words[0] * 1_000_000 + words[1];

    let mut ticks = [0_u64; 4];
    plain(abi::__NR_times, [&raw mut ticks as usize])?;
    Ok(of_thread > 10_000 && of_child > 10_000 && told > 10_000 && ticks[0] > 1 && ticks[2] > 1)
}
