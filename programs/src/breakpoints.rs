//! `breakpoints [own|kernel]`: hardware breakpoints and watchpoints, set in a child as a debugger sets them; whatever is checked without
//! `own` is so on Linux, too. With `own` also those that only the reference kernel has: breakpoints that count and nobody is told
//! of, in user mode and in the kernel. With `kernel` the kernel's alone.

mod inherited;
mod own;
mod refused;

use core::arch::naked_asm;
use core::cell::Cell;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::runtime::print::println;
use crate::runtime::process::fork;
use crate::runtime::ptrace::{Debug, General, Traced, stopped, trapped};
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Result, abi, kill};

/// How often two tasks are in the same code, one of them with a breakpoint there.
const ROUNDS: usize = 200;

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    if arguments.get(1) == Some(inherited::AS_NEXT) {
        return inherited::next_program();
    }
    let done = match arguments.get(1) {
        Some("kernel") => own::of_the_kernel(),
        Some("own") => run().and_then(|wrong| Ok(wrong + own::run()?)),
        _ => run(),
    };
    match done {
        Ok(0) => {
            println!("breakpoints: all hit, told and passed as they should be");
            0
        }
        Ok(wrong) => {
            println!("breakpoints: {wrong} wrong");
            1
        }
        Err(error) => {
            println!("breakpoints: system call failed: {error:?}");
            1
        }
    }
}

fn run() -> Result<u32> {
    let checks = Checks(Cell::new(0));
    told(&checks)?;
    refused::run(&checks)?;
    inherited::run(&checks)?;
    Ok(checks.0.get())
}

/// How much is wrong.
struct Checks(Cell<u32>);

impl Checks {
    fn that(&self, what: &str, holds: bool) {
        if !holds {
            println!("breakpoints: {what} is wrong");
            self.wrong();
        }
    }

    fn wrong(&self) {
        self.0.set(self.0.get() + 1);
    }
}

/// What is watched is the second; each process has its own.
static DATA: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

fn data() -> u64 {
    DATA[1].as_ptr().addr() as u64
}

/// How often it is, if nothing stops it: a debugger that hears of nothing hears at least of the end.
const TURNS: u64 = 20_000;

/// What is executed. In: X0 the watched word's address, X20 how often.
#[unsafe(naked)]
extern "C" fn sequence() {
    naked_asm!(
        "sub x20, x20, 1",
        "nop",
        "str x1, [x0]",
        "ldr x2, [x0]",
        "strb w1, [x0, 4]",
        "stp x1, x1, [x0, -8]",
        "mov x19, x0",
        "mov x1, 8",
        "mov x2, 0",
        "mov x8, {getrandom}",
        "svc 0",
        "mov x0, x19",
        "cbnz x20, {this}",
        "mov x8, {exit}",
        "svc 0",
        getrandom = const abi::__NR_getrandom,
        this = sym sequence,
        exit = const abi::__NR_exit_group,
    )
}
/// Places in it.
const PLAIN: usize = 1;
const STORE: usize = 2;
const LOAD: usize = 3;
const STORE_BYTE: usize = 4;
const STORE_PAIR: usize = 5;
const LAST: usize = 12;

fn at(instruction: usize) -> u64 {
    sequence as *const () as u64 + instruction as u64 * 4
}

/// Spins until its tracer sends it elsewhere.
#[unsafe(naked)]
extern "C" fn wait() {
    naked_asm!("1: b 1b")
}

fn child() -> u8 {
    wait();
    1
}

/// A child that stands before the sequence's first instruction.
fn traced() -> Result<Traced> {
    let traced = Traced::attach(fork(child)?)?;
    traced.wait()?;
    let mut registers: General = traced.registers()?;
    (registers.x[0], registers.x[1], registers.x[20], registers.pc) = (data(), u64::MAX, TURNS, at(0));
    traced.set_registers(&registers)?;
    Ok(traced)
}

/// It is over with it.
fn end(traced: Traced) -> Result<()> {
    kill(traced.0, abi::SIGKILL)?;
    traced.wait().map(|_| ())
}

/// A breakpoint of user mode.
const BREAKPOINT: u32 = 0xf << 5 | 1;
const LOADS: u32 = 1 << 3;
const STORES: u32 = 2 << 3;

/// A watchpoint of these of the eight bytes.
const fn watchpoint(bytes: u32, of: u32) -> u32 {
    bytes << 5 | of | 1
}

fn breakpoint(traced: Traced, address: u64) -> Result<()> {
    traced.set_debug(BREAKPOINTS, &Debug::one(address, BREAKPOINT), 1)
}

fn no_breakpoint(traced: Traced) -> Result<()> {
    traced.set_debug(BREAKPOINTS, &Debug::one(0, 0), 1)
}

fn watch(traced: Traced, address: u64, control: u32) -> Result<()> {
    traced.set_debug(WATCHPOINTS, &Debug::one(address, control), 1)
}

/// `NT_ARM_HW_BREAK`.
const BREAKPOINTS: usize = 0x402;
/// `NT_ARM_HW_WATCH`.
const WATCHPOINTS: usize = 0x403;

/// It stopped at `instruction` for one of those: the address that it is told with.
fn hit(traced: Traced, status: i32, instruction: usize, checks: &Checks) -> Result<u64> {
    let pc = traced.registers::<General>()?.pc;
    let why = traced.why()?;
    if status != stopped(abi::SIGTRAP) || why != trapped(abi::TRAP_HWBKPT) {
        println!("breakpoints: status {status:#x}, why {why:?}");
        checks.wrong();
    }
    if pc != at(instruction) {
        println!("breakpoints: a stop at {pc:#x}, instruction {}", pc.wrapping_sub(at(0)) / 4);
        checks.wrong();
    }
    traced.place()
}

fn told(checks: &Checks) -> Result<()> {
    let traced = traced()?;
    breakpoint(traced, at(PLAIN))?;
    let status = traced.go_on(0)?;
    checks.that("where a breakpoint is told", hit(traced, status, PLAIN, checks)? == at(PLAIN));
    let status = traced.go_on(0)?;
    checks.that("a breakpoint that nobody took away", hit(traced, status, PLAIN, checks)? == at(PLAIN));
    steps(traced, checks)?;
    watched(traced, checks)?;
    end(traced)?;
    of_one_task(checks)
}

fn stepped(traced: Traced, instruction: usize, checks: &Checks) -> Result<()> {
    let status = traced.step(0)?;
    let pc = traced.registers::<General>()?.pc;
    let why = traced.why()?;
    if status != stopped(abi::SIGTRAP) || why[1] != abi::TRAP_TRACE as i32 || pc != at(instruction) {
        println!("breakpoints: a step to {instruction} came to {pc:#x}, {status:#x}, {why:?}");
        checks.wrong();
    }
    Ok(())
}

/// A step comes to a breakpoint, does not get over it, and does when it is gone.
fn steps(traced: Traced, checks: &Checks) -> Result<()> {
    let status = traced.step(0)?;
    checks.that("a step into a breakpoint", hit(traced, status, PLAIN, checks)? == at(PLAIN));
    no_breakpoint(traced)?;
    stepped(traced, STORE, checks)?;
    stepped(traced, LOAD, checks)?;
    breakpoint(traced, at(STORE_PAIR))?;
    stepped(traced, STORE_BYTE, checks)?;
    stepped(traced, STORE_PAIR, checks)?;
    let status = traced.go_on(0)?;
    checks.that("a breakpoint after steps", hit(traced, status, STORE_PAIR, checks)? == at(STORE_PAIR));
    // Once around: a system call of the sequence writes to what is watched, and that is not told.
    breakpoint(traced, at(PLAIN))?;
    let status = traced.go_on(0)?;
    checks.that("a breakpoint the next time around", hit(traced, status, PLAIN, checks)? == at(PLAIN));
    no_breakpoint(traced)
}

/// Before the accesses of each kind, and before no others.
fn watched(traced: Traced, checks: &Checks) -> Result<()> {
    let cases = [
        (watchpoint(0xff, STORES), STORE),
        (watchpoint(0xff, LOADS), LOAD),
        (watchpoint(0xff, LOADS | STORES), STORE),
        (watchpoint(0x20, STORES), STORE),
        (watchpoint(0x10, LOADS), LOAD),
        (watchpoint(0x80, STORES), STORE),
    ];
    for (control, first) in cases {
        traced.write(DATA[1].as_ptr().addr(), 5)?;
        watch(traced, data(), control)?;
        let status = traced.go_on(0)?;
        let place = hit(traced, status, first, checks)?;
        checks.that("where a watchpoint is told", (data()..data() + 8).contains(&place));
        checks.that("an access that is told", first == LOAD || traced.read(DATA[1].as_ptr().addr())? == 5);
        let status = traced.go_on(0)?;
        hit(traced, status, first, checks)?;
        watch(traced, 0, 0)?;
        around(traced, checks)?;
    }
    // Of two bytes only the pair writes: what is before the word.
    watch(traced, data() - 8, watchpoint(0x3, STORES))?;
    let status = traced.go_on(0)?;
    let place = hit(traced, status, STORE_PAIR, checks)?;
    checks.that("where a pair is told", (data() - 8..data() + 8).contains(&place));
    watch(traced, 0, 0)?;
    around(traced, checks)
}

/// To the sequence's beginning, past its system call.
fn around(traced: Traced, checks: &Checks) -> Result<()> {
    breakpoint(traced, at(LAST))?;
    let status = traced.go_on(0)?;
    hit(traced, status, LAST, checks)?;
    no_breakpoint(traced)?;
    stepped(traced, 0, checks)
}

/// Another task is in the same code all the time, on the same CPU too, and is not traced.
fn of_one_task(checks: &Checks) -> Result<()> {
    let (one, other) = (traced()?, traced()?);
    // Until it is killed.
    let mut registers: General = other.registers()?;
    registers.x[20] = u64::MAX;
    other.set_registers(&registers)?;
    other.detach()?;
    for round in 0..ROUNDS {
        let place = if round % 2 == 0 { PLAIN } else { LAST };
        breakpoint(one, at(place))?;
        let status = one.go_on(0)?;
        if hit(one, status, place, checks)? != at(place) {
            checks.that("a breakpoint beside another task", false);
            break;
        }
    }
    end(one)?;
    kill(other.0, abi::SIGKILL)?;
    let status = other.wait()?;
    checks.that("a task beside one with breakpoints", status == abi::SIGKILL as i32);
    DATA[0].store(0, Relaxed);
    Ok(())
}
