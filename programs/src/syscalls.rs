//! `syscalls`: what each system call gives, above all for arguments that it must refuse.

use core::arch::asm;
use core::ptr::from_ref;
use core::slice::from_raw_parts;
use core::time::Duration;

use crate::runtime::print::println;
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{abi, call, errno, mmap, munmap, pipe, timespec};

const PAGE: usize = 4096;
/// In the upper half, where no user memory ever is.
const KERNEL_ADDRESS: usize = 0xffff_ffc0_4020_0000;

/// The program.
pub fn main(_: Arguments) -> u8 {
    let mut checks = Checks { made: 0, failed: 0 };
    identity(&mut checks);
    affinity(&mut checks);
    unknown_numbers(&mut checks);
    upper_half(&mut checks);
    bad_pointers(&mut checks);
    memory(&mut checks);
    pipes(&mut checks);
    times(&mut checks);
    signals(&mut checks);
    println!("syscalls: {} checks, {} failed", checks.made, checks.failed);
    u8::from(checks.failed > 0)
}

struct Checks {
    made: u32,
    failed: u32,
}

impl Checks {
    fn equal(&mut self, what: &str, result: isize, expected: isize) {
        self.that(what, result == expected, result);
    }

    fn refused(&mut self, what: &str, result: isize, error: u32) {
        self.that(what, result == -(error as isize), result);
    }

    fn that(&mut self, what: &str, holds: bool, result: isize) {
        self.made += 1;
        if !holds {
            self.failed += 1;
            println!("syscalls: {what} gave {result}");
        }
    }
}

/// A call whose other arguments are zero.
fn plain<const N: usize>(number: u32, arguments: [usize; N]) -> isize {
    let mut six = [0; 6];
    six[..N].copy_from_slice(&arguments);
    // SAFETY: what is passed here is refused, or is memory of the caller's.
    unsafe { call(number, six) }
}

fn identity(checks: &mut Checks) {
    let process = plain(abi::__NR_getpid, []);
    checks.that("getpid", process > 0, process);
    checks.equal("gettid of the first thread", plain(abi::__NR_gettid, []), process);
    let parent = plain(abi::__NR_getppid, []);
    checks.that("getppid", parent >= 0 && parent != process, parent);
    checks.equal("sched_yield", plain(abi::__NR_sched_yield, []), 0);
}

/// On each CPU in turn; in the end where it may be in the beginning.
fn affinity(checks: &mut Checks) {
    let mut all = 0_u64;
    let get = |bytes, set: &mut u64| plain(abi::__NR_sched_getaffinity, [0, bytes, &raw mut *set as usize]);
    let set = |thread, cpus: &u64| plain(abi::__NR_sched_setaffinity, [thread, 8, from_ref(cpus) as usize]);
    checks.equal("sched_getaffinity", get(8, &mut all), 8);
    checks.that("the CPUs that there are", all & 1 != 0 && (all + 1).is_power_of_two(), all as isize);
    for cpu in 0..all.count_ones() {
        let mut now = 0;
        checks.equal("sched_setaffinity", set(0, &(1 << cpu)), 0);
        checks.equal("getcpu after it", current_cpu(), cpu as isize);
        checks.equal("TPIDRRO_EL0 after it", published_cpu(), cpu as isize);
        checks.equal("sched_getaffinity after it", get(8, &mut now), 8);
        checks.that("what it gave", now == 1 << cpu, now as isize);
    }
    checks.refused("sched_setaffinity to no CPU", set(0, &0), errno::EINVAL);
    checks.refused("sched_setaffinity to CPUs that are not there", set(0, &!all), errno::EINVAL);
    checks.refused("sched_setaffinity of nobody", set(0x3fff_fff0, &all), errno::ESRCH);
    checks.refused("sched_getaffinity into half a set", get(4, &mut 0), errno::EINVAL);
    checks.equal("sched_setaffinity to every CPU", set(plain(abi::__NR_gettid, []) as usize, &all), 0);
}

fn current_cpu() -> isize {
    let mut cpu = u32::MAX;
    match plain(abi::__NR_getcpu, [&raw mut cpu as usize]) {
        0 => cpu as isize,
        error => error,
    }
}

/// Where the kernel tells user mode without a call.
fn published_cpu() -> isize {
    let cpu;
    // SAFETY: reads a register that is the thread's to read.
    unsafe { asm!("mrs {}, tpidrro_el0", out(reg) cpu, options(nomem, nostack, preserves_flags)) };
    cpu
}

/// Also the number that the kernel itself uses for "no system call".
fn unknown_numbers(checks: &mut Checks) {
    for number in [0x5000, 0x7fff_ffff, u32::MAX] {
        checks.refused("an unknown number", plain(number, []), errno::ENOSYS);
    }
}

/// A call's number is the lower half of X8.
fn upper_half(checks: &mut Checks) {
    let result: isize;
    let number = 1 << 32 | u64::from(abi::__NR_getpid);
    // SAFETY: a call that takes nothing.
    unsafe { asm!("svc 0", in("x8") number, lateout("x0") result, options(nostack)) };
    checks.equal("getpid with more in X8", result, plain(abi::__NR_getpid, []));
}

/// Every call that takes a pointer, with every kind of pointer that is none.
fn bad_pointers(checks: &mut Checks) {
    let [from, to] = pipe().unwrap_or([-1; 2]).map(|end| end as usize);
    let byte = 0_u8;
    let stack = from_ref(&byte) as usize;
    let mut bytes_in_pipe = 0;
    // There is always something to read, which a read that is refused must leave there.
    let mut read = |pointer| {
        bytes_in_pipe += plain(abi::__NR_write, [to, stack, 1]);
        plain(abi::__NR_read, [from, pointer, 8])
    };
    let read_only = from_ref(&KERNEL_ADDRESS) as usize;
    let monotonic = abi::CLOCK_MONOTONIC as usize;

    let (unmapped, wrapping) = (unmapped_page(), usize::MAX - 3);
    for pointer in [0, unmapped, KERNEL_ADDRESS, wrapping] {
        println!("syscalls: pointer {pointer:#x}");
        checks.refused("write", plain(abi::__NR_write, [to, pointer, 8]), errno::EFAULT);
        checks.refused("read", read(pointer), errno::EFAULT);
        checks.refused("pipe2", plain(abi::__NR_pipe2, [pointer, 0]), errno::EFAULT);
        checks.refused("clock_gettime", plain(abi::__NR_clock_gettime, [monotonic, pointer]), errno::EFAULT);
        checks.refused("sched_setaffinity", plain(abi::__NR_sched_setaffinity, [0, 8, pointer]), errno::EFAULT);
        checks.refused("sched_getaffinity", plain(abi::__NR_sched_getaffinity, [0, 8, pointer]), errno::EFAULT);
        checks.refused("nanosleep", plain(abi::__NR_nanosleep, [pointer, 0]), errno::EFAULT);
        checks.refused("clock_nanosleep", plain(abi::__NR_clock_nanosleep, [monotonic, 0, pointer]), errno::EFAULT);
    }
    println!("syscalls: read-only memory");
    checks.refused("read", read(read_only), errno::EFAULT);
    checks.refused("clock_gettime", plain(abi::__NR_clock_gettime, [monotonic, read_only]), errno::EFAULT);

    println!("syscalls: lengths");
    checks.refused("write", plain(abi::__NR_write, [to, stack, usize::MAX - 7]), errno::EFAULT);
    checks.refused("write into the kernel", plain(abi::__NR_write, [to, stack, KERNEL_ADDRESS - stack]), errno::EFAULT);

    let mut place = [0_u8; 64];
    let left = plain(abi::__NR_read, [from, place.as_mut_ptr() as usize, place.len()]);
    checks.equal("read after reads that were refused", left, bytes_in_pipe);
}

/// A page that was there and is no more.
fn unmapped_page() -> usize {
    let page = mmap(PAGE).expect("a page can be mapped");
    // SAFETY: nothing refers to it.
    unsafe { munmap(page, PAGE) }.expect("a page can be unmapped");
    page as usize
}

fn memory(checks: &mut Checks) {
    let (protection, flags) = (abi::PROT_READ | abi::PROT_WRITE, abi::MAP_PRIVATE | abi::MAP_ANONYMOUS);
    let map = |length| plain(abi::__NR_mmap, [0, length, protection as usize, flags as usize, usize::MAX, 0]);
    checks.refused("mmap of nothing", map(0), errno::EINVAL);
    checks.refused("mmap of everything", map(usize::MAX - PAGE), errno::ENOMEM);

    let region = map(4 * PAGE);
    checks.that("mmap", region > 0 && (region as usize).is_multiple_of(PAGE), region);
    // SAFETY: just mapped, and used only through this.
    let bytes = unsafe { core::slice::from_raw_parts_mut(region as *mut u8, 4 * PAGE) };
    let sum: isize = bytes.iter().map(|byte| isize::from(*byte)).sum();
    checks.equal("the sum of fresh memory", sum, 0);
    bytes[3 * PAGE] = 7;
    checks.equal("a byte written to fresh memory", bytes[3 * PAGE].into(), 7);
    checks.refused("munmap of half a page", plain(abi::__NR_munmap, [region as usize + 8, PAGE]), errno::EINVAL);
    checks.refused("munmap of nothing", plain(abi::__NR_munmap, [region as usize, 0]), errno::EINVAL);
    checks.equal("munmap", plain(abi::__NR_munmap, [region as usize, 4 * PAGE]), 0);
}

fn pipes(checks: &mut Checks) {
    let [from, to] = pipe().unwrap_or([-1; 2]).map(|end| end as usize);
    checks.that("pipe2", from > 2 && to > 2 && from != to, from as isize);
    // Pages that only the kernel's copies have touched: both directions fault inside the kernel.
    let fresh = mmap(2 * PAGE).expect("two pages can be mapped");
    let (source, destination) = (fresh as usize, fresh as usize + PAGE);
    checks.equal("write from a fresh page", plain(abi::__NR_write, [to, source, 100]), 100);
    checks.equal("read to a fresh page", plain(abi::__NR_read, [from, destination, 200]), 100);

    let text = b"through the pipe";
    let written = plain(abi::__NR_write, [to, text.as_ptr() as usize, text.len()]);
    checks.equal("write to the pipe", written, text.len() as isize);
    let read = plain(abi::__NR_read, [from, destination, text.len()]);
    checks.equal("read from the pipe", read, text.len() as isize);
    // SAFETY: the page is mapped, and the kernel has stopped writing to it.
    let came = unsafe { from_raw_parts(destination as *const u8, text.len()) };
    checks.that("what was read", came == text, came[0].into());

    checks.equal("write of nothing", plain(abi::__NR_write, [to, source, 0]), 0);
    checks.refused("write to the read end", plain(abi::__NR_write, [from, source, 1]), errno::EBADF);
    checks.refused("read from the write end", plain(abi::__NR_read, [to, source, 1]), errno::EBADF);
    checks.refused("write to no descriptor", plain(abi::__NR_write, [99, source, 1]), errno::EBADF);
    checks.refused("read from no descriptor", plain(abi::__NR_read, [usize::MAX, source, 1]), errno::EBADF);
}

fn times(checks: &mut Checks) {
    let mut first = timespec(Duration::ZERO);
    let mut second = timespec(Duration::ZERO);
    for time in [&mut first, &mut second] {
        let place = &raw mut *time as usize;
        checks.equal("clock_gettime", plain(abi::__NR_clock_gettime, [abi::CLOCK_MONOTONIC as usize, place]), 0);
    }
    let forward = (second.tv_sec, second.tv_nsec) >= (first.tv_sec, first.tv_nsec);
    checks.that("the clock", forward && (0..1_000_000_000).contains(&first.tv_nsec), first.tv_sec as isize);
    checks.refused("clock_gettime of no clock", plain(abi::__NR_clock_gettime, [77, &raw mut first as usize]), errno::EINVAL);

    let mut bad = timespec(Duration::ZERO);
    bad.tv_nsec = 1_000_000_000;
    checks.refused("nanosleep of too many nanoseconds", plain(abi::__NR_nanosleep, [&raw mut bad as usize]), errno::EINVAL);
    let no_time = timespec(Duration::ZERO);
    checks.equal("nanosleep of no time", plain(abi::__NR_nanosleep, [from_ref(&no_time) as usize]), 0);
}

fn signals(checks: &mut Checks) {
    let process = plain(abi::__NR_getpid, []) as usize;
    checks.equal("kill with no signal", plain(abi::__NR_kill, [process, 0]), 0);
    checks.equal("tgkill with no signal", plain(abi::__NR_tgkill, [process, process, 0]), 0);
    checks.refused("kill with an unknown signal", plain(abi::__NR_kill, [process, 99]), errno::EINVAL);
    checks.refused("kill of nobody", plain(abi::__NR_kill, [0x3fff_fff0, 0]), errno::ESRCH);
}
