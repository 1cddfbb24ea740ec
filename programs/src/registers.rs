//! `registers [MILLISECONDS]`: every register, general or FP/SIMD, but the result comes back unchanged from system calls, page faults,
//! interrupts and signals' handlers. Two threads with different values look, so that neither comes back with the other's.

use core::arch::naked_asm;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use crate::runtime::clock::now;
use crate::runtime::print::println;
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Result, abi, call, check, mmap, munmap, sched_yield, stay_on_first_cpu};
use crate::runtime::thread::spawn;

const PAGE: usize = 4096;
/// Enough for a few thousand instructions between looks: long enough to be interrupted in.
const SPINS: u64 = 100_000;

static WRONG: AtomicU32 = AtomicU32::new(0);

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    let time = Duration::from_millis(arguments.number(1).unwrap_or(200) as u64);
    // With one CPU, or two CPUs and a thread on each, it is a test as well.
    let _ = stay_on_first_cpu();
    if handle_traps().is_err() {
        println!("registers: no handler");
        return 1;
    }
    let Ok(other) = spawn(move || look_for(time, 0x700)) else {
        println!("registers: no second thread");
        return 1;
    };
    look_for(time, 0x100);
    other.join();
    match WRONG.load(Ordering::Relaxed) {
        0 => {
            println!("registers: all as they were");
            0
        }
        wrong => {
            println!("registers: {wrong} looks found another value");
            1
        }
    }
}

fn look_for(time: Duration, base: u64) {
    let end = now() + time;
    while now() < end {
        // SAFETY: these change nothing but the registers that a call may change.
        let (by_call, by_time) = unsafe { (across_system_call(base), across_time(base, SPINS)) };
        found("a system call", by_call);
        found("an interrupt", by_time);
        found("a page fault", across_page_fault(base));
        // SAFETY: as above.
        found("a signal", unsafe { across_signal(base) });
        sched_yield();
    }
}

fn found(after: &str, different: u64) {
    if different != 0 && WRONG.fetch_add(1, Ordering::Relaxed) == 0 {
        println!("registers: other values after {after} (bits that differ: {different:#x})");
    }
}

fn across_page_fault(base: u64) -> u64 {
    let Ok(page) = mmap(PAGE) else { return u64::MAX };
    // SAFETY: writes one word to a fresh page of its own, which goes afterwards.
    unsafe {
        let different = across_store(base, page.cast());
        let _ = munmap(page, PAGE);
        different
    }
}

/// In: X0 `base`, X1 anything. Puts away what a called function keeps, and `base`. Then X1 to X29 hold `base` plus their
/// number, X30 and the thread pointer `base`, X0 what X1 was; all flags are set. V0 to V31 hold `base` plus their number in each
/// half; FPCR rounds, and FPSR says what happened, as `base` has it.
macro_rules! fill {
    () => {
        "stp x29, x30, [sp, -112]!
         stp x19, x20, [sp, 16]
         stp x21, x22, [sp, 32]
         stp x23, x24, [sp, 48]
         stp x25, x26, [sp, 64]
         stp x27, x28, [sp, 80]
         str x0, [sp, 96]
         mov x30, x0
         mov x0, x1
         msr tpidr_el0, x30
         .arch_extension fp
         .arch_extension simd
         .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
         add x1, x30, \\n
         dup v\\n\\().2d, x1
         .endr
         lsl x1, x30, 14
         msr fpcr, x1
         lsr x1, x30, 8
         msr fpsr, x1
         mov x1, 0xf0000000
         msr nzcv, x1
         .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
         add x\\n, x30, \\n
         .endr"
    };
}

/// Returns, in X0, the bits that are not as `fill` left them, of all of these together. X0 does not count.
macro_rules! compare {
    () => {
        "str x30, [sp, 104]
         ldr x30, [sp, 96]
         mrs x0, nzcv
         eor x0, x0, 0xf0000000
         .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
         sub x\\n, x\\n, \\n
         eor x\\n, x\\n, x30
         orr x0, x0, x\\n
         .endr
         ldr x1, [sp, 104]
         eor x1, x1, x30
         orr x0, x0, x1
         mrs x1, tpidr_el0
         eor x1, x1, x30
         orr x0, x0, x1
         .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
         add x1, x30, \\n
         mov x2, v\\n\\().d[0]
         mov x3, v\\n\\().d[1]
         eor x2, x2, x1
         eor x3, x3, x1
         orr x0, x0, x2
         orr x0, x0, x3
         .endr
         mrs x1, fpcr
         eor x1, x1, x30, lsl 14
         orr x0, x0, x1
         mrs x1, fpsr
         eor x1, x1, x30, lsr 8
         orr x0, x0, x1
         ldp x19, x20, [sp, 16]
         ldp x21, x22, [sp, 32]
         ldp x23, x24, [sp, 48]
         ldp x25, x26, [sp, 64]
         ldp x27, x28, [sp, 80]
         ldp x29, x30, [sp], 112
         ret"
    };
}

/// # Safety
/// Changes registers that a called function may change, and the thread pointer, which no program here uses.
#[unsafe(naked)]
unsafe extern "C" fn across_system_call(base: u64) -> u64 {
    naked_asm!(
        fill!(),
        "mov x8, {getppid}",
        "svc 0",
        // Back to what `compare` expects in X8.
        "sub x8, x8, {getppid}",
        "add x8, x8, x30",
        "add x8, x8, 8",
        compare!(),
        getppid = const abi::__NR_getppid,
    )
}

/// # Safety
/// As [`across_system_call`].
#[unsafe(naked)]
unsafe extern "C" fn across_time(base: u64, spins: u64) -> u64 {
    // Neither instruction changes the flags.
    naked_asm!(fill!(), "1:", "sub x0, x0, 1", "cbnz x0, 1b", compare!())
}

/// # Safety
/// As [`across_system_call`]; `place` is the caller's to write to.
#[unsafe(naked)]
unsafe extern "C" fn across_store(base: u64, place: *mut u64) -> u64 {
    naked_asm!(fill!(), "str x1, [x0]", compare!())
}

/// # Safety
/// As [`across_system_call`]; SIGTRAP is handled by `steps_over`.
#[unsafe(naked)]
unsafe extern "C" fn across_signal(base: u64) -> u64 {
    naked_asm!(fill!(), "brk 1", compare!())
}

/// SIGTRAP goes to `steps_over`.
fn handle_traps() -> Result<()> {
    const SIGTRAP: usize = abi::SIGTRAP as usize;
    let action = [steps_over as *const () as usize, abi::SA_SIGINFO as usize, 0, 0];
    let arguments = [SIGTRAP, action.as_ptr() as usize, 0, size_of::<u64>(), 0, 0];
    // SAFETY: reads `action`, which is as Linux lays it out.
    check(unsafe { call(abi::__NR_rt_sigaction, arguments) }).map(|_| ())
}

/// A handler: goes on after the BRK, and leaves zeros in every register that is not its stack's or its way back.
///
/// # Safety
/// X2 points to the signal's context.
#[unsafe(naked)]
unsafe extern "C" fn steps_over() {
    naked_asm!(
        ".arch_extension fp",
        ".arch_extension simd",
        "ldr x3, [x2, {pc}]",
        "add x3, x3, 4",
        "str x3, [x2, {pc}]",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31",
        "movi v\\n\\().2d, 0",
        ".endr",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29",
        "mov x\\n, xzr",
        ".endr",
        "msr fpcr, xzr",
        "msr fpsr, xzr",
        "msr nzcv, xzr",
        "ret",
        pc = const 440,
    )
}
