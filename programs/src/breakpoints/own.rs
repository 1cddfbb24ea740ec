//! Breakpoints that nobody is told of: the kernel counts them, and goes on by itself. Of this program, and the kernel's own.

use core::arch::naked_asm;
use core::cell::Cell;
use core::ptr::from_ref;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::Checks;
use crate::runtime::print::println;
use crate::runtime::process::{fork, set_action};
use crate::runtime::ptrace::{General, Traced, stopped, trace_me, trapped};
use crate::runtime::syscall::{Result, abi, getpid, kill, sched_yield};
use crate::runtime::test_calls::{Counts, OwnException, Where, count_hits, own_breakpoints, own_exception};
use crate::runtime::thread::spawn;

const ROUNDS: usize = 500;
const THREADS: usize = 4;
/// How often each thread comes to the kernel's, in each context.
const KERNELS: usize = 200;

static WORD: AtomicU64 = AtomicU64::new(0);

/// What is counted: a store, a system call, and what comes after that. In: X0 a word's address, X1 this process.
#[unsafe(naked)]
unsafe extern "C" fn counted(word: *const AtomicU64, process: usize) {
    naked_asm!(
        "str x1, [x0]",
        "mov x8, {getppid}",
        "svc 0",
        "nop",
        "ret",
        getppid = const abi::__NR_getppid,
    )
}
const STORE: usize = 0;
const CALL: usize = 2;
const AFTER: usize = 3;

fn at(instruction: usize) -> usize {
    counted as *const () as usize + instruction * 4
}

fn come() {
    // SAFETY: changes registers that a call may change, and a word of this program's.
    unsafe { counted(from_ref(&WORD), 7) }
}

/// The kernel's alone.
pub(super) fn of_the_kernel() -> Result<u32> {
    let checks = Checks(Cell::new(0));
    in_the_kernel(&checks)?;
    Ok(checks.0.get())
}

pub(super) fn run() -> Result<u32> {
    let checks = Checks(Cell::new(0));
    in_user_mode(&checks)?;
    with_signals(&checks)?;
    stepped(&checks)?;
    in_the_kernel(&checks)?;
    Ok(checks.0.get())
}

/// An instruction, a store, the same store's instruction, and a system call.
fn in_user_mode(checks: &Checks) -> Result<()> {
    for instruction in [STORE, CALL, AFTER] {
        count_hits(Counts::Instruction, at(instruction))?;
        (0..ROUNDS).for_each(|_| come());
        checks.that("instructions that are counted", count_hits(Counts::Instruction, at(instruction))? == ROUNDS);
    }
    count_hits(Counts::Instruction, 0)?;
    count_hits(Counts::Accesses, WORD.as_ptr().addr())?;
    (0..ROUNDS).for_each(|_| come());
    checks.that("stores that are counted", count_hits(Counts::Accesses, WORD.as_ptr().addr())? == ROUNDS);
    // One instruction is both.
    count_hits(Counts::Instruction, at(STORE))?;
    (0..ROUNDS).for_each(|_| come());
    let both = count_hits(Counts::Instruction, 0)? + count_hits(Counts::Accesses, 0)?;
    checks.that("a store that is counted as both", both == 2 * ROUNDS && WORD.load(Relaxed) == 7);
    come();
    checks.that("what is counted no more", count_hits(Counts::Instruction, 0)? == 0);
    Ok(())
}

static SIGNALS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn handler() {
    SIGNALS.fetch_add(1, Relaxed);
    come();
}

/// A handler runs into one, too.
fn with_signals(checks: &Checks) -> Result<()> {
    set_action(abi::SIGUSR1, handler as *const () as usize, 0, 0)?;
    count_hits(Counts::Instruction, at(AFTER))?;
    for _ in 0..ROUNDS {
        kill(getpid(), abi::SIGUSR1)?;
        come();
    }
    let hits = count_hits(Counts::Instruction, 0)?;
    checks.that("what handlers come to", hits == 2 * ROUNDS && SIGNALS.load(Relaxed) == ROUNDS);
    Ok(())
}

/// A child's tracer steps over one, which is a system call: a step for it, and one more instruction for the next. Counted is
/// each time that the instruction comes, as by who is not stepped.
fn stepped(checks: &Checks) -> Result<()> {
    let traced = Traced(fork(|| {
        let ready = count_hits(Counts::Instruction, at(CALL)).and_then(|_| trace_me());
        if ready.and_then(|()| kill(getpid(), abi::SIGSTOP)).is_err() {
            return 255;
        }
        come();
        come();
        count_hits(Counts::Instruction, 0).map_or(255, |hits| hits as u8)
    })?);
    traced.wait()?;
    for place in [STORE, CALL, AFTER] {
        let mut came = 0;
        for _ in 0..10_000 {
            if traced.registers::<General>()?.pc == at(place) as u64 {
                came += 1;
                break;
            }
            let status = traced.step(0)?;
            let is_step = traced.why()? == trapped(abi::TRAP_TRACE);
            checks.that("a step beside what is counted", status == stopped(abi::SIGTRAP) && is_step);
        }
        checks.that("a step to what is counted", came == 1);
    }
    checks.that("what is counted of a stepped child", traced.go_on(0)? == 2 << 8);
    Ok(())
}

/// On all CPUs at once.
fn in_the_kernel(checks: &Checks) -> Result<()> {
    own_breakpoints(0, 0)?;
    let threads: [_; THREADS] = core::array::from_fn(|_| {
        spawn(|| {
            for _ in 0..KERNELS {
                WRONG.fetch_add(own_breakpoints(1, 1).unwrap_or(1), Relaxed);
                sched_yield();
            }
        })
    });
    for thread in threads {
        thread?.join();
    }
    in_all_code(checks);
    checks.that("where the kernel's come back to", WRONG.load(Relaxed) == 0);
    checks.that("how often the kernel's are hit", own_breakpoints(2, 0)? == 0);
    checks.that("the kernel when they are gone", own_breakpoints(3, 0)? == 0);
    Ok(())
}

/// Each exception of the kernel's in each kind of its code that it may come in: masks, counts and tracking are as before. What is
/// masked there does not come: breakpoints in a BRK's body, FIQs but where interrupts are on.
fn in_all_code(checks: &Checks) {
    use OwnException::{Abort, Breakpoint, Brk, Fiq, Nmi, Undefined};
    use Where::{Handler, Here, IrqsOff, Masked, Softirq};
    for place in [Here, IrqsOff, Handler, Softirq, Masked, Where::Nmi] {
        for which in [Abort, Undefined, Brk, Breakpoint, Fiq, Nmi] {
            let comes = match which {
                Abort | Undefined | Brk => true,
                Breakpoint => place != Masked,
                Fiq => matches!(place, Here | Softirq),
                Nmi => matches!(place, Here | Softirq | IrqsOff | Handler),
            };
            if comes && own_exception(place, which).is_err() {
                println!("breakpoints: in the kernel: {which:?}, {place:?}");
                checks.wrong();
            }
        }
    }
}

static WRONG: AtomicUsize = AtomicUsize::new(0);
