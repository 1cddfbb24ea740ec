//! One program: laid out, entered, and back when its last exception is recorded.

use core::arch::{asm, naked_asm};
use core::mem::offset_of;
use core::ptr;

use conformance::{EXCEPTIONS, Program, RETURNS, Record, SP_EL1, WORDS};

/// Where the program's code is, by the address that may write to it.
pub const CODE_PHYSICAL: u64 = 0x4400_0000;

/// The harness's stack pointer while a program runs.
static mut STACK_POINTER: u64 = 0;

/// Runs `program` and fills `records`.
pub fn run(program: &Program, records: &mut [Record; EXCEPTIONS]) {
    // SAFETY: nothing but programs is there, and none is running. The program can write to X16 to X24, X28, SP_EL0 and
    // PSTATE only, which `enter` and `end` save; it comes to its last exception, as the library's head says.
    unsafe {
        ptr::copy_nonoverlapping(program.words.as_ptr(), CODE_PHYSICAL as *mut u32, WORDS);
        for line in (0..WORDS as u64 * 4).step_by(64) {
            asm!("dc cvau, {}", in(reg) CODE_PHYSICAL + line, options(nostack));
        }
        asm!("dsb sy", "ic iallu", "dsb sy", "isb", options(nostack));
        enter(program, records);
    }
}

/// ERET into the program at X0, with records from X1 on; returns, as a function does, by way of [`end`].
///
/// # Safety
///
/// The program's code is in place and ends; everything is masked.
#[unsafe(naked)]
unsafe extern "C" fn enter(program: &Program, records: *mut [Record; EXCEPTIONS]) {
    naked_asm!(
        "stp x19, x20, [sp, #-96]!",
        "stp x21, x22, [sp, #16]",
        "stp x23, x24, [sp, #32]",
        "stp x25, x26, [sp, #48]",
        "stp x27, x28, [sp, #64]",
        "stp x29, x30, [sp, #80]",
        "mov x29, x1",
        "adrp x30, {stack_pointer}",
        "mov x1, sp",
        "str x1, [x30, :lo12:{stack_pointer}]",
        "ldr x1, ={sp_el1}",
        "mov sp, x1",
        "ldr x25, ={code}",
        "mov x26, {exceptions}",
        "add x27, x0, {continuations}",
        "mov x28, {returns}",
        "ldr x1, [x0, {elr}]",
        "msr elr_el1, x1",
        "ldr x1, [x0, {spsr}]",
        "msr spsr_el1, x1",
        "msr esr_el1, xzr",
        "msr far_el1, xzr",
        "msr sp_el0, xzr",
        ".irp register, x16, x17, x18, x19, x20, x21, x22, x23",
        "mov \\register, xzr",
        ".endr",
        "add x30, x0, {registers}",
        "ldp x0, x1, [x30]",
        "ldp x2, x3, [x30, #16]",
        "ldp x4, x5, [x30, #32]",
        "ldp x6, x7, [x30, #48]",
        "ldp x8, x9, [x30, #64]",
        "ldp x10, x11, [x30, #80]",
        "ldp x12, x13, [x30, #96]",
        "ldp x14, x15, [x30, #112]",
        // The state in which the model's CPU begins.
        "msr daifset, #0xf",
        "msr nzcv, xzr",
        ".inst 0xd500419f", // PAN set
        ".inst 0xd503409f", // TCO clear
        "isb",
        "eret",
        stack_pointer = sym STACK_POINTER, sp_el1 = const SP_EL1, code = const conformance::CODE,
        exceptions = const EXCEPTIONS, returns = const RETURNS,
        continuations = const offset_of!(Program, continuations), registers = const offset_of!(Program, registers),
        elr = const offset_of!(Program, elr), spsr = const offset_of!(Program, spsr),
    )
}

/// Returns from [`enter`]. Takes nothing, masked, EL1 with SP_EL1.
///
/// # Safety
///
/// `enter` was called and has not returned.
#[unsafe(naked)]
pub unsafe extern "C" fn end() {
    naked_asm!(
        "adrp x30, {stack_pointer}",
        "ldr x30, [x30, :lo12:{stack_pointer}]",
        "mov sp, x30",
        "ldp x21, x22, [sp, #16]",
        "ldp x23, x24, [sp, #32]",
        "ldp x25, x26, [sp, #48]",
        "ldp x27, x28, [sp, #64]",
        "ldp x29, x30, [sp, #80]",
        "ldp x19, x20, [sp], #96",
        "ret",
        stack_pointer = sym STACK_POINTER,
    )
}
