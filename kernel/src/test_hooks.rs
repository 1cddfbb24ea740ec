//! System calls for tests alone, by numbers that Linux will not have: what programs cannot bring about by themselves.

pub mod serrors;

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use vestibule::{Context, Inherit, Process};
use vestibule_arm64::breakpoints::Kind;

use crate::errno::Errno;
use crate::planted::Bug;
use crate::reference::Cpu;
use crate::task::Task;
use crate::user_copy::{copy_to_user, read_user_string};
use crate::{breakpoints, gic, interrupts, nmi, percpu, scheduler, statistics, timer};

/// Spins in the kernel for X0 milliseconds, with nothing masked.
pub const SPIN: u32 = 0x1000;
/// Copies X1 bytes to X0 and beyond; meanwhile, for each fault on the way, the other CPU sets this one's reschedule flag
/// and withholds its interrupt.
pub const COPY: u32 = 0x1001;

/// Runs this task's kernel stack down.
pub const OVERFLOW: u32 = 0x1002;

/// How many preemptions there were on the way out of a synchronous exception from the kernel.
pub const SYNCHRONOUS_PREEMPTIONS: u32 = 0x1003;

/// Takes a BRK that is a bug's.
pub const BUG: u32 = 0x1004;

/// Reads under RCU for X0 microseconds; how many readers have seen what they read freed.
pub const RCU_READER: u32 = 0x1005;

/// Frees under RCU, and waits for that if X0 is not zero; how many have been freed.
pub const RCU_WRITER: u32 = 0x1006;

/// How many frames are in use, but for the heap's and the kernel's tables'.
pub const FRAMES_IN_USE: u32 = 0x1007;
/// How many tasks there are, as `stacks` counts them.
pub const TASKS: u32 = 0x1008;
/// How many open files there are.
pub const OPEN_FILES: u32 = 0x1009;
/// How much of the heap is in use.
pub const HEAP_BYTES: u32 = 0x100a;

/// Spins in the kernel for X0 milliseconds, with interrupts off.
pub const SPIN_MASKED: u32 = 0x100b;
/// From now on, if X0 is not zero, each tick sends its CPU an interrupt of group 0.
pub const FIQS: u32 = 0x100c;

/// From now on, if X0 is not zero, each tick reads under RCU; how many have seen what they read replaced.
pub const RCU_IN_TICKS: u32 = 0x100d;
/// Stores where the memory has another tag, and then does what X0 says.
pub const STORE_MISTAGGED: u32 = 0x1030;
/// How many such accesses X0 has noticed.
pub const KERNEL_TAG_FAULTS: u32 = 0x1031;
/// What is counted of the caller: of kind X0, breakpoint 0 or watchpoint 1, at address X1; how many there were.
pub const COUNT_HITS: u32 = 0x1060;
/// The kernel's own breakpoints and watchpoints: X0 is what to do, [`breakpoints::check`] says.
pub const OWN_BREAKPOINTS: u32 = 0x1061;

/// The bug with the name at X0, as on the command line, is there from now on; with 0 none is.
pub const PLANT: u32 = 0x1063;

/// What [`FIQS`] asked for.
static SENDS_FIQS: AtomicBool = AtomicBool::new(false);

/// The CPU, plus one, whose current task is to be asked; zero if none.
static ASKED: AtomicU64 = AtomicU64::new(0);
/// Who copies, as [`copier`] numbers it; zero if nobody.
static COPYING: AtomicU64 = AtomicU64::new(0);

pub(crate) fn plant(name: usize) -> Result<usize, Errno> {
    const LONGEST: usize = 32;
    if name == 0 {
        Bug::remove();
        return Ok(0);
    }
    let name = read_user_string(name, LONGEST)?.ok_or(Errno::EINVAL)?;
    let bug = core::str::from_utf8(&name).ok().and_then(Bug::named).ok_or(Errno::EINVAL)?;
    bug.plant();
    Ok(0)
}

pub(crate) fn count_hits(cpu: &mut Cpu<Process>, kind: usize, address: usize) -> Result<usize, Errno> {
    breakpoints::count(cpu, if kind == 0 { Kind::Breakpoint } else { Kind::Watchpoint }, address)
}

pub(crate) fn spin(_: &mut Cpu<Process>, milliseconds: usize) -> Result<usize, Errno> {
    let end = timer::nanoseconds().saturating_add((milliseconds as u64).saturating_mul(1_000_000));
    while timer::nanoseconds() < end {
        core::hint::spin_loop();
    }
    Ok(0)
}

pub(crate) fn spin_masked(cpu: &mut Cpu<Process>, milliseconds: usize) -> Result<usize, Errno> {
    let off = cpu.irqs_off();
    nmi::spin_with_interrupts_off(&off, (milliseconds as u64).saturating_mul(1_000_000));
    Ok(0)
}

/// How many have come so far.
pub(crate) fn fiqs(wanted: bool) -> Result<usize, Errno> {
    SENDS_FIQS.store(wanted, Ordering::Relaxed);
    Ok(statistics::FIQS.get() as usize)
}

/// From the tick of CPU `here`.
pub(crate) fn send_fiq(here: usize) {
    if SENDS_FIQS.load(Ordering::Relaxed) {
        gic::send_fiq(here, interrupts::FIQ);
    }
}

/// Calls itself until the stack ends, and says so: each call's frame is used after the next.
#[expect(unconditional_recursion, reason = "the stack ends before the recursion does")]
pub(crate) fn overflow(depth: u64) -> u64 {
    let frame = core::hint::black_box([depth; 16]);
    overflow(depth + 1) + frame[0]
}

pub(crate) fn bug() -> Result<usize, Errno> {
    // SAFETY: nobody comes back from it.
    unsafe { core::arch::asm!("brk 1", options(noreturn)) }
}

pub(crate) fn copy(cpu: &mut Cpu<Process>, to: usize, count: usize) -> Result<usize, Errno> {
    COPYING.store(copier(cpu), Ordering::Relaxed);
    let piece = [0x5a; 64];
    let mut done = 0;
    let mut result = Ok(count);
    while done < count {
        let piece = &piece[..piece.len().min(count - done)];
        if let Err(fault) = copy_to_user(to.wrapping_add(done), piece) {
            result = Err(fault.into());
            break;
        }
        done += piece.len();
    }
    COPYING.store(0, Ordering::Relaxed);
    result
}

/// The current task's number, plus one: the idle tasks' is zero.
fn copier<C: Context>(cpu: &Cpu<C>) -> u64 {
    u64::from(Task::current(cpu).id()) + 1
}

/// From the body of an abort in the kernel: has another CPU ask for this one, and waits until it has.
pub(crate) fn faulted_in_copy(cpu: &Cpu<Inherit>) {
    if COPYING.load(Ordering::Relaxed) != copier(cpu) || percpu::count() == 1 {
        return;
    }
    let number = Task::current(cpu).cpu() as u64;
    ASKED.store(number + 1, Ordering::Release);
    // Only the other CPU answers; should this task have moved there meanwhile, it is that CPU's tick that does.
    while ASKED.load(Ordering::Acquire) != 0 && Task::current(cpu).cpu() as u64 == number {
        core::hint::spin_loop();
    }
}

/// From the tick: asks for whom another CPU told this one to.
pub(crate) fn ask_if_told(here: usize) {
    let asked = ASKED.load(Ordering::Acquire);
    if asked != 0 && asked != here as u64 + 1 {
        scheduler::ask_silently(asked as usize - 1);
        ASKED.store(0, Ordering::Release);
    }
}
