//! Who has a task's breakpoints: it alone, not its children, nor its threads, nor the program that it becomes; and who traced it
//! may be gone.

use core::arch::naked_asm;
use core::ptr::null;

use super::{BREAKPOINT, BREAKPOINTS, Checks};
use crate::runtime::file::execute;
use crate::runtime::process::{fork, wait};
use crate::runtime::ptrace::{Debug, Register, Traced, stopped, trace_me};
use crate::runtime::syscall::{Result, abi, getpid, kill};
use crate::runtime::thread::spawn;

/// How this program is started by itself.
pub const AS_NEXT: &str = "next";
/// What the function with the breakpoint gives.
const GIVEN: u8 = 9;

/// Out: [`GIVEN`]. No other function has its code.
#[unsafe(naked)]
extern "C" fn function() -> u64 {
    naked_asm!("mov x0, {given}", "ret", "udf 77", given = const GIVEN)
}

/// The program that a traced task becomes.
pub fn next_program() -> u8 {
    function() as u8
}

pub(super) fn run(checks: &Checks) -> Result<()> {
    let whole = ended(GIVEN);
    let parent = with_breakpoint(|| {
        let child = fork(|| function() as u8);
        child.and_then(|child| wait(child as isize, 0)).map_or(1, |(_, status)| (status >> 8) as u8)
    })?;
    checks.that("the stop of whose child has ended", parent.go_on(0)? == stopped(abi::SIGCHLD));
    checks.that("a child of who has a breakpoint", parent.go_on(abi::SIGCHLD)? == whole);
    let threads = with_breakpoint(|| match spawn(|| assert!(function() as u8 == GIVEN)) {
        Ok(thread) => {
            thread.join();
            GIVEN
        }
        Err(_) => 1,
    })?;
    checks.that("a thread of who has a breakpoint", threads.go_on(0)? == whole);

    let next = with_breakpoint(|| {
        let arguments = [c"breakpoints".as_ptr(), c"next".as_ptr(), null()];
        // SAFETY: both end in a null pointer.
        _ = unsafe { execute(c"/proc/self/exe", arguments.as_ptr(), arguments[2..].as_ptr()) };
        1
    })?;
    checks.that("the stop of another program", next.go_on(0)? == stopped(abi::SIGTRAP));
    checks.that("another program's breakpoints", next.debug(BREAKPOINTS)?.registers[0] == Register::default());
    checks.that("another program", next.go_on(0)? == whole);

    // As in Linux they stay where a tracer left them.
    let left = with_breakpoint(|| function() as u8)?;
    left.detach()?;
    checks.that("a breakpoint that was left", left.wait()? & 0x7f == abi::SIGTRAP as i32);

    let illegal = fork(|| {
        // SAFETY: reads a register, or does not.
        unsafe { core::arch::asm!("mrs {}, mdccsr_el0", out(reg) _, options(nomem, nostack)) };
        1
    })?;
    checks.that("the debug communication channel", wait(illegal as isize, 0)?.1 & 0x7f == abi::SIGILL as i32);
    Ok(())
}

const fn ended(status: u8) -> i32 {
    (status as i32) << 8
}

/// A child that has a breakpoint in `function` when it runs `body`, and stands before that.
fn with_breakpoint(body: impl FnOnce() -> u8) -> Result<Traced> {
    let traced = Traced(fork(|| {
        if trace_me().and_then(|()| kill(getpid(), abi::SIGSTOP)).is_err() {
            return 1;
        }
        body()
    })?);
    traced.wait()?;
    traced.set_debug(BREAKPOINTS, &Debug::one(function as *const () as u64, BREAKPOINT), 1)?;
    Ok(traced)
}
