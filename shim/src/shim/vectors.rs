//! Exceptions that EL2 takes, and what they came from.

use core::arch::naked_asm;

use super::cpu::{self, Cpu};
use super::host;
use super::registers::{read, write};
use super::{psci, request, step};

/// The general registers of whom an exception interrupted; they are his again when it is over.
#[repr(C, align(16))]
pub struct Frame {
    /// X0 to X30.
    pub x: [u64; 31],
    pad: u64,
}

mod exception_class {
    pub const WFX: u64 = 0x01;
    pub const HVC64: u64 = 0x16;
    pub const SMC64: u64 = 0x17;
    pub const SYSTEM_REGISTER: u64 = 0x18;
    pub const BREAKPOINT: u64 = 0x30;
    pub const SOFTWARE_STEP: u64 = 0x32;
    pub const WATCHPOINT: u64 = 0x34;
    pub const BRK64: u64 = 0x3c;
}

/// SPSR_EL2.SS: the next instruction is executed before the next step.
const STEP: u64 = 1 << 21;

/// The CPU's vectors are these.
pub fn install() {
    write!("vbar_el2", vectors as *const () as u64);
}

/// From EL1 or EL0, synchronously.
extern "C" fn from_kernel(frame: &mut Frame) {
    use exception_class::*;
    let syndrome = read!("esr_el2");
    match syndrome >> 26 & 0x3f {
        HVC64 => {
            if !request::answer(frame) {
                frame.x[0] = shim::NOT_SUPPORTED;
            }
        }
        SMC64 => {
            skip();
            if !request::answer(frame) {
                psci::call(frame);
            }
        }
        WFX => cpu::with_this(waits),
        SOFTWARE_STEP => cpu::with_this(step::stepped),
        SYSTEM_REGISTER => cpu::with_this(|cpu| step::access(cpu, frame, syndrome)),
        BRK64 | BREAKPOINT | WATCHPOINT => cpu::with_this(step::disturbed),
        _ => unexpected(),
    }
}

/// EL1 is about to wait, and does when it is back.
fn waits(cpu: &mut Cpu) {
    step::trap_wfi(false);
    request::bring_asked(cpu);
}

/// Any other.
extern "C" fn unexpected() -> ! {
    let (syndrome, pc, pstate) = (read!("esr_el2"), read!("elr_el2"), read!("spsr_el2"));
    host::give_up(format_args!("unexpected exception: syndrome {syndrome:#x}, pc {pc:#x}, pstate {pstate:#x}"))
}

/// The exception level that was interrupted.
pub fn interrupted_level() -> u64 {
    read!("spsr_el2") >> 2 & 3
}

/// The interrupted instruction counts as executed.
pub fn skip() {
    write!("elr_el2", read!("elr_el2") + 4);
    set_step(false);
}

/// Whoever was interrupted executes one instruction before the next step, or none.
pub fn set_step(one_more: bool) {
    let others = read!("spsr_el2") & !STEP;
    write!("spsr_el2", if one_more { others | STEP } else { others });
}

/// The table: from EL2 itself, twice; from AArch64; from AArch32. In each synchronous, IRQ, FIQ, SError.
#[unsafe(naked)]
#[unsafe(link_section = ".vectors")]
extern "C" fn vectors() {
    naked_asm!(
        ".rept 8",
        ".balign 0x80",
        "b {unexpected}",
        ".endr",
        ".balign 0x80",
        "sub sp, sp, #256",
        "stp x0, x1, [sp]",
        "stp x2, x3, [sp, #16]",
        "b {synchronous}",
        ".rept 7",
        ".balign 0x80",
        "b {unexpected}",
        ".endr",
        ".balign 0x80",
        unexpected = sym unexpected,
        synchronous = sym synchronous,
    )
}

/// In: SP is the frame, which has X0 to X3.
#[unsafe(naked)]
extern "C" fn synchronous() {
    naked_asm!(
        "stp x4, x5, [sp, #32]",
        "stp x6, x7, [sp, #48]",
        "stp x8, x9, [sp, #64]",
        "stp x10, x11, [sp, #80]",
        "stp x12, x13, [sp, #96]",
        "stp x14, x15, [sp, #112]",
        "stp x16, x17, [sp, #128]",
        "stp x18, x19, [sp, #144]",
        "stp x20, x21, [sp, #160]",
        "stp x22, x23, [sp, #176]",
        "stp x24, x25, [sp, #192]",
        "stp x26, x27, [sp, #208]",
        "stp x28, x29, [sp, #224]",
        "str x30, [sp, #240]",
        "mov x0, sp",
        "bl {from_kernel}",
        "ldp x2, x3, [sp, #16]",
        "ldp x4, x5, [sp, #32]",
        "ldp x6, x7, [sp, #48]",
        "ldp x8, x9, [sp, #64]",
        "ldp x10, x11, [sp, #80]",
        "ldp x12, x13, [sp, #96]",
        "ldp x14, x15, [sp, #112]",
        "ldp x16, x17, [sp, #128]",
        "ldp x18, x19, [sp, #144]",
        "ldp x20, x21, [sp, #160]",
        "ldp x22, x23, [sp, #176]",
        "ldp x24, x25, [sp, #192]",
        "ldp x26, x27, [sp, #208]",
        "ldp x28, x29, [sp, #224]",
        "ldr x30, [sp, #240]",
        "ldp x0, x1, [sp]",
        "add sp, sp, #256",
        "eret",
        from_kernel = sym from_kernel,
    )
}

const _: () = assert!(size_of::<Frame>() == 256);
