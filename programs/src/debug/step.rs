//! One instruction after another, whatever each of them comes to in the kernel: each is one stop, and at the right place.

use core::arch::naked_asm;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::runtime::print::println;
use crate::runtime::process::{fork, set_action};
use crate::runtime::ptrace::{General, Traced, stopped, trapped};
use crate::runtime::syscall::{Result, abi};

/// The child stores to it first after the fork: its page is the parent's until then.
static SHARED: AtomicU64 = AtomicU64::new(1);
/// Steps in the loop: enough for interrupts to come between them, and in them.
const ROUNDS: usize = 3000;
/// How the child ends.
const STATUS: u64 = 43;

/// Spins until its tracer sends it elsewhere.
#[unsafe(naked)]
extern "C" fn wait() {
    naked_asm!("1: b 1b")
}

/// What is stepped. In: X0 [`SHARED`]'s address, X1 this process. Out: ends with [`STATUS`].
#[unsafe(naked)]
extern "C" fn sequence() {
    naked_asm!(
        "nop",
        "b 1f",
        "udf 0",
        "1: str x1, [x0]",
        "mov x8, {getpid}",
        "svc 0",
        "b 2f",
        // Nobody has been in the page after this.
        ".space 8192",
        "2: nop",
        "mov x1, {signal}",
        "mov x8, {kill}",
        "svc 0",
        "3: nop",
        "b 3b",
        "mov x0, {status}",
        "mov x8, {exit}",
        "svc 0",
        getpid = const abi::__NR_getpid,
        kill = const abi::__NR_kill,
        exit = const abi::__NR_exit_group,
        signal = const abi::SIGUSR1,
        status = const STATUS,
    )
}
/// Places in it, in instructions.
const FAR: usize = 7 + 8192 / 4;
const AFTER_SIGNAL: usize = FAR + 4;
const END: usize = AFTER_SIGNAL + 2;

#[unsafe(naked)]
extern "C" fn handler() {
    naked_asm!("nop", "ret")
}

fn child() -> u8 {
    wait();
    1
}

struct Steps {
    traced: Traced,
    wrong: u32,
}

impl Steps {
    fn check(&mut self, what: &str, holds: bool) {
        if !holds {
            println!("debug: {what} is wrong");
            self.wrong += 1;
        }
    }

    /// One step, with a signal or with 0, which ends here, for that reason.
    fn to(&mut self, pc: usize, signal: u32) -> Result<()> {
        let status = self.traced.step(signal)?;
        let reached = self.traced.registers::<General>()?.pc as usize;
        if status != stopped(abi::SIGTRAP) || reached != pc {
            println!("debug: a step to {pc:#x} came to {reached:#x}, status {status:#x}");
            self.wrong += 1;
        }
        let why = self.traced.why()?;
        self.check("why a step stopped", why == trapped(abi::TRAP_TRACE));
        Ok(())
    }
}

/// How much is wrong.
pub fn run() -> Result<u32> {
    SHARED.store(2, Relaxed);
    set_action(abi::SIGUSR1, handler as *const () as usize, 0, 0)?;
    let process = fork(child)?;
    let traced = Traced::attach(process)?;
    let mut steps = Steps { traced, wrong: 0 };
    let status = traced.wait()?;
    steps.check("the stop before steps", status == stopped(abi::SIGSTOP));
    let at = |instruction: usize| sequence as *const () as usize + instruction * 4;
    let mut registers: General = traced.registers()?;
    registers.x[..2].copy_from_slice(&[SHARED.as_ptr() as u64, process as u64]);
    registers.pc = at(0) as u64;
    traced.set_registers(&registers)?;

    // A plain one, a branch, a store to a page that is shared, a call, a branch to a page that is not there yet.
    for next in [1, 3, 4, 5, 6, FAR, FAR + 1, FAR + 2, FAR + 3] {
        steps.to(at(next), 0)?;
    }
    let after: General = traced.registers()?;
    steps.check("what was stepped", after.x[0] == process as u64 && traced.read(SHARED.as_ptr() as usize)? == process);
    into_a_handler(&mut steps, at(AFTER_SIGNAL))?;
    for _ in 0..ROUNDS {
        steps.to(at(AFTER_SIGNAL + 1), 0)?;
        steps.to(at(AFTER_SIGNAL), 0)?;
    }

    let mut registers: General = traced.registers()?;
    registers.pc = at(END) as u64;
    // A debugger's copy may have it.
    registers.pstate |= SS;
    traced.set_registers(&registers)?;
    let status = traced.go_on(0)?;
    steps.check("the end after steps", status == (STATUS << 8) as i32);
    Ok(steps.wrong)
}

const SS: u64 = 1 << 21;

/// The signal is a stop of its own; its handler begins, and nothing of it has been executed; its end is where it came.
fn into_a_handler(steps: &mut Steps, back: usize) -> Result<()> {
    let status = steps.traced.step(0)?;
    steps.check("a signal's stop", status == stopped(abi::SIGUSR1));
    let pc = steps.traced.registers::<General>()?.pc as usize;
    steps.check("where a signal stops", pc == back);
    let handler = handler as *const () as usize;
    steps.to(handler, abi::SIGUSR1)?;
    steps.to(handler + 4, 0)?;
    let returns = steps.traced.registers::<General>()?.x[30] as usize;
    for next in [returns, returns + 4, back] {
        steps.to(next, 0)?;
    }
    Ok(())
}
