//! `debug`: attaches to a child, as a debugger does; reads and changes its registers and its memory, sets a breakpoint, and steps.

mod step;

use core::arch::naked_asm;
use core::sync::atomic::AtomicU64;

use crate::runtime::print::println;
use crate::runtime::process::fork;
use crate::runtime::ptrace::{General, Traced, Vectors, stopped, trapped};
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Result, abi, errno};

/// The child waits until this is not zero.
static GO: AtomicU64 = AtomicU64::new(0);
/// What is put into one of its vector registers while it waits.
const IN_VECTOR: u64 = 29;
/// What the function with the breakpoint gives.
const IN_FUNCTION: u64 = 5;

/// The program.
pub fn main(_: Arguments) -> u8 {
    match run().and_then(|wrong| Ok(wrong + step::run()?)) {
        Ok(0) => {
            println!("debug: registers, memory, a breakpoint and steps are as they should be");
            0
        }
        Ok(wrong) => {
            println!("debug: {wrong} wrong");
            1
        }
        Err(error) => {
            println!("debug: system call failed: {error:?}");
            1
        }
    }
}

/// In: X0 a word's address. Out, when the word is not zero: V7's lower half.
#[unsafe(naked)]
unsafe extern "C" fn wait_for(word: *const AtomicU64) -> u64 {
    naked_asm!(".arch_extension simd", "1: ldr x1, [x0]", "cbz x1, 1b", "mov x0, v7.d[0]", "ret")
}

/// Out: [`IN_FUNCTION`].
#[unsafe(naked)]
unsafe extern "C" fn function() -> u64 {
    naked_asm!("mov x0, {result}", "ret", result = const IN_FUNCTION)
}

fn child() -> u8 {
    // SAFETY: both change registers that a call may change, and none that this program is compiled to use.
    unsafe { (wait_for(&raw const GO) + function()) as u8 }
}

fn run() -> Result<u32> {
    let mut wrong = 0;
    let mut check = |what: &str, holds: bool| {
        if !holds {
            println!("debug: {what} is wrong");
            wrong += 1;
        }
    };
    let child = fork(child)?;
    let traced = Traced::attach(child)?;
    check("the first stop", traced.wait()? == stopped(abi::SIGSTOP));
    check("tracing twice", Traced::attach(child).is_err_and(|why| why.0 == errno::EPERM));

    let general: General = traced.registers()?;
    let mut vectors: Vectors = traced.registers()?;
    vectors.v[7] = [IN_VECTOR, 1];
    traced.set_registers(&vectors)?;
    let changed: Vectors = traced.registers()?;
    check("a vector register", changed.v[7] == [IN_VECTOR, 1]);
    for bad in [0b0101, 0b0100, 1 << 6, 1 << 7, 1 << 9, 1 << 4, 1 << 20] {
        let forged = General { pstate: bad, ..general };
        check("a PSTATE that is the kernel's", traced.set_registers(&forged).is_err_and(|why| why.0 == errno::EINVAL));
    }
    check("the state after that", traced.registers::<General>()?.pstate == general.pstate);
    for address in [8, 0xffff_ffc0_4020_0000, usize::MAX - 3] {
        check("memory that is not there", traced.read(address).is_err() && traced.write(address, 0).is_err());
    }

    let breakpoint = function as *const () as usize;
    let before = traced.read(breakpoint)?;
    traced.write(breakpoint, before & !0xffff_ffff | BRK)?;
    let go = &raw const GO as usize;
    check("memory", traced.read(go)? == 0);
    traced.write(go, 1)?;
    check("a stop at the breakpoint", traced.go_on(0)? == stopped(abi::SIGTRAP));
    check("why it stopped", traced.why()? == trapped(abi::TRAP_BRKPT));
    check("where it stopped", traced.registers::<General>()?.pc == breakpoint as u64);
    traced.write(breakpoint, before)?;
    check("the end", traced.go_on(0)? == ((IN_VECTOR + IN_FUNCTION) << 8) as i32);
    Ok(wrong)
}

const BRK: usize = 0xd420_0000;
