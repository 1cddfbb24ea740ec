//! The sixteen vectors: each writes a record and goes on where the program says.

use core::arch::global_asm;
use core::mem::offset_of;

use conformance::Record;

use super::run;

// X25: where programs lie. X26: records left to write. X27: the next continuation. X29: the next record.
// X24 and X30: free. Masked throughout; touches neither memory of the program nor flags, so that the program goes on in the
// state that the exception left.
global_asm!(
    ".pushsection .vectors, \"ax\"",
    ".balign 2048",
    "vectors:",
    ".set vector, 0",
    ".rept 16",
    ".balign 128",
    "mov x30, #vector",
    "b 1f",
    ".set vector, vector + 1",
    ".endr",
    "1:",
    "str x30, [x29, {vector}]",
    "mrs x24, elr_el1",
    "str x24, [x29, {elr}]",
    "mrs x24, spsr_el1",
    "str x24, [x29, {spsr}]",
    "mrs x24, esr_el1",
    "str x24, [x29, {esr}]",
    "mrs x24, far_el1",
    "str x24, [x29, {far}]",
    "mrs x24, sp_el0",
    "str x24, [x29, {sp_el0}]",
    "stp x16, x17, [x29, {reads}]",
    "stp x18, x19, [x29, {reads} + 16]",
    "stp x20, x21, [x29, {reads} + 32]",
    "stp x22, x23, [x29, {reads} + 48]",
    "str x28, [x29, {returns}]",
    // PSTATE, piece by piece.
    "mrs x24, nzcv",
    "str x24, [x29, {pstate}]",
    ".irp part, daif, CurrentEL, SPSel, S3_0_C4_C2_3, S3_3_C4_C2_7", // ..., PAN, TCO
    "mrs x24, \\part",
    "ldr x30, [x29, {pstate}]",
    "orr x24, x24, x30",
    "str x24, [x29, {pstate}]",
    ".endr",
    // Where an exception return may go: `resumable`.
    "mrs x24, elr_el1",
    "tbz x24, #3, 2f",
    "and x24, x24, #~15",
    "msr elr_el1, x24",
    "2:",
    // An interrupt is over once it has been taken. Bit 0 of the vector: IRQ; bit 1: FIQ.
    "ldr x30, [x29, {vector}]",
    "tbz x30, #0, 3f",
    "mrs x24, S3_0_C12_C12_0", // ICC_IAR1_EL1
    "msr S3_0_C12_C12_1, x24", // ICC_EOIR1_EL1
    "3:",
    "tbz x30, #1, 4f",
    "mrs x24, S3_0_C12_C8_0", // ICC_IAR0_EL1
    "msr S3_0_C12_C8_1, x24", // ICC_EOIR0_EL1
    "4:",
    "dsb sy",
    "isb",
    "add x29, x29, {record}",
    "sub x26, x26, #1",
    "cbz x26, {end}",
    "ldr w30, [x27], #4",
    "add x30, x25, x30, lsl #2",
    "ret", // a branch that leaves no mark in PSTATE.BTYPE
    ".popsection",
    vector = const offset_of!(Record, vector), elr = const offset_of!(Record, elr),
    spsr = const offset_of!(Record, spsr), esr = const offset_of!(Record, esr), far = const offset_of!(Record, far),
    pstate = const offset_of!(Record, pstate), sp_el0 = const offset_of!(Record, sp_el0),
    reads = const offset_of!(Record, reads), returns = const offset_of!(Record, returns),
    record = const size_of::<Record>(), end = sym run::end,
);
