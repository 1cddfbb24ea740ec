//! System calls for tests alone, as `test_hooks` has them: faults that no program can bring about by itself, its own and the
//! kernel's.

use core::arch::{asm, naked_asm};
use core::sync::atomic::{AtomicBool, Ordering};

use vestibule::{Hardirq, Process};
use vestibule_arm64::Frame;

use crate::errno::Errno;
use crate::planted::Bug;
use crate::reference::Cpu;
use crate::registers::{read_register, write_register};
use crate::stacks::STACK_SIZE;
use crate::user_copy::read_user;
use crate::{test_hooks, timer};

/// The number of the first; the others follow.
pub const FIRST: u32 = 0x1020;
/// That of the last.
pub const LAST: u32 = FIRST + 0xf;

/// Makes the call that has `number`, of which [`FIRST`] is 0.
pub fn run(_: &mut Cpu<Process>, frame: &mut Frame, number: u32) -> Result<usize, Errno> {
    let argument = frame.regs[0] as usize;
    match number {
        // User mode goes on in an illegal execution state: PSTATE.IL, which no path but this one lets through.
        0 => frame.pstate |= 1 << 20,
        // On this CPU, user mode's FP and SIMD trap if X0 is not zero.
        1 => trap_fpsimd(argument != 0),
        // The kernel reads the program's memory at X0, not as the program (PAN).
        2 => _ = touch(argument),
        3 => undefined(),
        4 => jump(undefined as *const () as usize + 2),
        5 => panic!("a program asked for it"),
        // The next tick, of whichever CPU, runs its stack down.
        6 => IN_HANDLER.store(true, Ordering::Relaxed),
        // An exception comes where its frame does not fit on the stack.
        7 => on_end_of_stack(64, breakpoint, 0),
        // A user copy faults where the frame fits, and what handles it does not.
        8 => on_end_of_stack(512, copy, argument),
        // Entry code reads where nothing is.
        9 => in_entry_text(),
        _ => return Err(Errno::ENOSYS),
    }
    Ok(0)
}

fn trap_fpsimd(trap: bool) {
    const FPEN: u64 = 0b11 << 20;
    const OF_USER_MODE: u64 = 0b01 << 20;
    let cpacr = read_register!("cpacr_el1") & !FPEN | if trap { OF_USER_MODE } else { FPEN };
    // SAFETY: the kernel itself may use them in either case, and does so to save and load a task's.
    unsafe { write_register!("cpacr_el1", cpacr) };
}

#[inline(never)]
fn touch(address: usize) -> u8 {
    if Bug::NoPan.is_planted() {
        // SAFETY: nothing but this function misses it.
        unsafe { asm!(".arch_extension pan", "msr pan, 0") };
    }
    // SAFETY: none; the CPU must stop this, and does not come back. The same holds for everything below.
    unsafe { (address as *const u8).read_volatile() }
}

#[inline(never)]
fn undefined() {
    // SAFETY: as above.
    unsafe { asm!("udf 0") };
}

fn jump(address: usize) {
    // SAFETY: as above.
    unsafe { asm!("br {}", in(reg) address, options(noreturn)) };
}

/// The linker takes it for a part of entry code.
#[unsafe(link_section = ".noinstr.text")]
#[inline(never)]
fn in_entry_text() {
    const NOTHING: u64 = 0xffff_0000_0000_0000;
    // SAFETY: as above.
    unsafe { asm!("ldr xzr, [{}]", in(reg) NOTHING) };
}

/// The next tick does it.
static IN_HANDLER: AtomicBool = AtomicBool::new(false);

/// From the tick.
pub fn in_handler(_: &Cpu<Hardirq>) {
    if IN_HANDLER.load(Ordering::Relaxed) {
        test_hooks::overflow(0);
    }
}

extern "C" fn breakpoint(_: usize) {
    // SAFETY: as above.
    unsafe { asm!("brk 1") };
}

extern "C" fn copy(from: usize) {
    _ = read_user::<u64>(from);
}

/// Calls `body` with so many bytes of the current stack left. This CPU no longer ticks: a tick would find the end of the stack
/// before `body` does.
fn on_end_of_stack(left: usize, body: extern "C" fn(usize), argument: usize) {
    #[unsafe(naked)]
    extern "C" fn switch(sp: usize, body: extern "C" fn(usize), argument: usize) {
        naked_asm!(
            "stp x29, x30, [sp, -16]!",
            "mov x29, sp",
            "mov sp, x0",
            "mov x0, x2",
            "blr x1",
            "mov sp, x29",
            "ldp x29, x30, [sp], 16",
            "ret",
        )
    }
    let here = 0_u8;
    let end = &raw const here as usize & !(STACK_SIZE - 1);
    timer::stop_tick();
    switch(end + left, body, argument);
}
