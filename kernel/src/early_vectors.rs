//! Exception vectors for bring-up alone: they report what happened and power off.
//!
//! `vestibule-arm64`'s vectors take VBAR_EL1 over in `kernel_main` and `secondary_main`, where each calls [`install`].

use core::arch::global_asm;

use crate::println;
use crate::registers::write_register;
use crate::{power, user_copy};

unsafe extern "C" {
    static early_vectors: u8;
}

/// Points this CPU's VBAR_EL1 at the bring-up vectors.
pub fn install() {
    // SAFETY: the table below is complete and aligned.
    unsafe { write_register!("vbar_el1", &raw const early_vectors) };
}

/// Reports an exception that nothing handles yet. An EL1 fault at an instruction of the fix-up table goes on at its
/// landing instead: the return value is where to continue.
#[unsafe(no_mangle)]
extern "C" fn early_exception(vector: usize, syndrome: usize, address: usize, fault_address: usize) -> usize {
    if let Some(landing) = user_copy::fixup(address) {
        return landing;
    }
    println!(
        "exception before the vectors are up: vector {vector:#x}, ESR {syndrome:#x}, ELR {address:#x}, FAR {fault_address:#x}"
    );
    power::exit(power::Status::Failure)
}

global_asm!(
    r#"
    .macro early_vector offset
    .balign 128
    stp     x0, x1, [sp, #-256]!
    mov     x0, #\offset
    b       early_vector_common
    .endm

    .section .vectors, "ax"
    .balign 2048
early_vectors:
    .irp offset, 0x000, 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380
    early_vector \offset
    .endr
    .irp offset, 0x400, 0x480, 0x500, 0x580, 0x600, 0x680, 0x700, 0x780
    early_vector \offset
    .endr

    // Saves what a call may change, so that a fault with a fix-up can go on.
early_vector_common:
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x30, [sp, #144]
    mrs     x1, esr_el1
    mrs     x2, elr_el1
    mrs     x3, far_el1
    bl      early_exception
    msr     elr_el1, x0
    ldp     x2, x3, [sp, #16]
    ldp     x4, x5, [sp, #32]
    ldp     x6, x7, [sp, #48]
    ldp     x8, x9, [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldp     x18, x30, [sp, #144]
    ldp     x0, x1, [sp], #256
    eret
"#
);
