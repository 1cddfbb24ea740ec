//! System calls, by the arm64 Linux ABI: number in X8, arguments in X0 to X5, result or negated error number in X0.

use core::arch::asm;
use core::ffi::c_int;
use core::ptr::{from_mut, from_ref, null};
use core::sync::atomic::AtomicU32;
use core::time::Duration;

pub use linux_raw_sys::errno;
pub use linux_raw_sys::general as abi;

/// An error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub u32);

/// A system call's result.
pub type Result<T> = core::result::Result<T, Errno>;

/// Makes a system call.
///
/// # Safety
/// Whatever the call does to this process's memory is sound.
#[inline(always)]
pub unsafe fn call(number: u32, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let result;
    // SAFETY: the kernel changes X0 and what the caller allows.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a => result,
            in("x1") b,
            in("x2") c,
            in("x3") d,
            in("x4") e,
            in("x5") f,
            options(nostack),
        )
    };
    result
}

/// Tells results from errors.
pub fn check(result: isize) -> Result<usize> {
    if (-4095..0).contains(&result) { Err(Errno(-result as u32)) } else { Ok(result as usize) }
}

/// A call that no argument makes unsound.
fn safe(number: u32, arguments: [usize; 6]) -> Result<usize> {
    // SAFETY: the callers below pass numbers, or memory that they hold for the time of the call.
    check(unsafe { call(number, arguments) })
}

/// Ends the process.
pub fn exit_group(status: u8) -> ! {
    let _ = safe(abi::__NR_exit_group, [usize::from(status), 0, 0, 0, 0, 0]);
    unreachable!("exit_group came back");
}

/// Ends the calling thread.
pub fn exit_thread() -> ! {
    let _ = safe(abi::__NR_exit, [0; 6]);
    unreachable!("exit came back");
}

/// Writes to a file descriptor; gives how much was written.
pub fn write(descriptor: c_int, bytes: &[u8]) -> Result<usize> {
    safe(abi::__NR_write, [descriptor as usize, bytes.as_ptr() as usize, bytes.len(), 0, 0, 0])
}

/// Reads from a file descriptor; gives how much was read.
pub fn read(descriptor: c_int, bytes: &mut [u8]) -> Result<usize> {
    safe(abi::__NR_read, [descriptor as usize, bytes.as_mut_ptr() as usize, bytes.len(), 0, 0, 0])
}

/// A pipe: where to read, where to write.
pub fn pipe() -> Result<[c_int; 2]> {
    let mut ends = [-1; 2];
    safe(abi::__NR_pipe2, [ends.as_mut_ptr() as usize, 0, 0, 0, 0, 0])?;
    Ok(ends)
}

/// The process.
pub fn getpid() -> usize {
    safe(abi::__NR_getpid, [0; 6]).unwrap_or(0)
}

/// The process's parent: the shortest of all system calls.
pub fn getppid() -> usize {
    safe(abi::__NR_getppid, [0; 6]).unwrap_or(0)
}

/// The calling thread.
pub fn gettid() -> usize {
    safe(abi::__NR_gettid, [0; 6]).unwrap_or(0)
}

/// Lets other threads run.
pub fn sched_yield() {
    let _ = safe(abi::__NR_sched_yield, [0; 6]);
}

/// Keeps the calling thread, and those that it makes, on the first CPU from now on.
pub fn stay_on_first_cpu() -> Result<()> {
    let cpus: u64 = 1;
    safe(abi::__NR_sched_setaffinity, [0, size_of::<u64>(), from_ref(&cpus) as usize, 0, 0, 0]).map(|_| ())
}

/// How many CPUs the calling thread may run on.
pub fn usable_cpus() -> Result<u32> {
    let mut cpus: u64 = 0;
    safe(abi::__NR_sched_getaffinity, [0, size_of::<u64>(), from_mut(&mut cpus) as usize, 0, 0, 0])?;
    Ok(cpus.count_ones())
}

/// Fresh memory: private, zero, not there before it is touched.
pub fn mmap(length: usize) -> Result<*mut u8> {
    let protection = abi::PROT_READ | abi::PROT_WRITE;
    let flags = abi::MAP_PRIVATE | abi::MAP_ANONYMOUS;
    let address = safe(abi::__NR_mmap, [0, length, protection as usize, flags as usize, usize::MAX, 0])?;
    Ok(address as *mut u8)
}

/// Fresh memory that children share, zero.
pub fn mmap_shared(length: usize) -> Result<*mut u8> {
    let protection = abi::PROT_READ | abi::PROT_WRITE;
    let flags = abi::MAP_SHARED | abi::MAP_ANONYMOUS;
    let address = safe(abi::__NR_mmap, [0, length, protection as usize, flags as usize, usize::MAX, 0])?;
    Ok(address as *mut u8)
}

/// Gives memory back.
///
/// # Safety
/// Nothing refers to it any more.
pub unsafe fn munmap(address: *mut u8, length: usize) -> Result<()> {
    safe(abi::__NR_munmap, [address as usize, length, 0, 0, 0, 0]).map(|_| ())
}

/// As the kernel takes times.
pub fn timespec(time: Duration) -> abi::__kernel_timespec {
    abi::__kernel_timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() }
}

/// Sleeps for `time`, by the older of the two calls.
pub fn nanosleep(time: Duration) -> Result<()> {
    let time = timespec(time);
    safe(abi::__NR_nanosleep, [from_ref(&time) as usize, 0, 0, 0, 0, 0]).map(|_| ())
}

/// Sleeps for `time` by the monotonic clock.
pub fn clock_nanosleep(time: Duration) -> Result<()> {
    let time = timespec(time);
    safe(abi::__NR_clock_nanosleep, [abi::CLOCK_MONOTONIC as usize, 0, from_ref(&time) as usize, 0, 0, 0]).map(|_| ())
}

/// The monotonic clock.
pub fn clock_gettime() -> Result<Duration> {
    let mut time = timespec(Duration::ZERO);
    safe(abi::__NR_clock_gettime, [abi::CLOCK_MONOTONIC as usize, &raw mut time as usize, 0, 0, 0, 0])?;
    Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// Sleeps while `word` is `value`, until woken.
pub fn futex_wait(word: &AtomicU32, value: u32, flags: u32) -> Result<()> {
    let operation = abi::FUTEX_WAIT | flags;
    let no_limit = null::<abi::__kernel_timespec>() as usize;
    safe(abi::__NR_futex, [from_ref(word) as usize, operation as usize, value as usize, no_limit, 0, 0]).map(|_| ())
}

/// Wakes up to `count` who sleep on `word`; gives how many.
pub fn futex_wake(word: &AtomicU32, count: u32, flags: u32) -> Result<usize> {
    let operation = abi::FUTEX_WAKE | flags;
    safe(abi::__NR_futex, [from_ref(word) as usize, operation as usize, count as usize, 0, 0, 0])
}

/// Sends a signal to a process; signal 0 only asks whether it is there.
pub fn kill(process: usize, signal: u32) -> Result<()> {
    safe(abi::__NR_kill, [process, signal as usize, 0, 0, 0, 0]).map(|_| ())
}

/// Sends a signal to a thread.
pub fn tgkill(process: usize, thread: usize, signal: u32) -> Result<()> {
    safe(abi::__NR_tgkill, [process, thread, signal as usize, 0, 0, 0]).map(|_| ())
}
