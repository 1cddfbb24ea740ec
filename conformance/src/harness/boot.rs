//! From QEMU's first instruction to `main`: translation on, every program's memory mapped.
//!
//! Level 1 maps a gigabyte per entry: devices, RAM (for EL1 only), and a level 2 of the two blocks that programs see.

use core::arch::naked_asm;

use conformance::BLOCK;

use super::{main, run};

/// The end of the harness's own stack.
const STACK: u64 = 0x4200_0000;

#[repr(C, align(4096))]
struct Table([u64; 512]);

/// Written once, by `_start`: a static cannot hold the address of another and bits beside it.
static mut LEVEL_1: Table = Table(entries([DEVICES, RAM, 0]));
static LEVEL_2: Table = Table(entries([CODE, USER_DATA, 0]));

const fn entries(first: [u64; 3]) -> [u64; 512] {
    let mut entries = [0; 512];
    entries[0] = first[0];
    entries[1] = first[1];
    entries[2] = first[2];
    entries
}

const BLOCK_ENTRY: u64 = 1;
const TABLE_ENTRY: u64 = 3;
const DEVICE_MEMORY: u64 = 1 << 2;
const USER: u64 = 1 << 6;
const READ_ONLY: u64 = 1 << 7;
const SHARED: u64 = 0b11 << 8;
const ACCESSED: u64 = 1 << 10;
const KERNEL_EXECUTES_NOT: u64 = 1 << 53;
const USER_EXECUTES_NOT: u64 = 1 << 54;

const DEVICES: u64 = KERNEL_EXECUTES_NOT | USER_EXECUTES_NOT | ACCESSED | DEVICE_MEMORY | BLOCK_ENTRY;
const RAM: u64 = 0x4000_0000 | USER_EXECUTES_NOT | ACCESSED | SHARED | BLOCK_ENTRY;
const CODE: u64 = run::CODE_PHYSICAL | USER | READ_ONLY | ACCESSED | SHARED | BLOCK_ENTRY;
const USER_DATA: u64 =
    (run::CODE_PHYSICAL + BLOCK) | USER | KERNEL_EXECUTES_NOT | USER_EXECUTES_NOT | ACCESSED | SHARED | BLOCK_ENTRY;

/// Attribute 0 is ordinary memory, written back; attribute 1 is devices.
const MAIR: u64 = 0x04ff;
/// 39 bits of address in the lower half, none in the upper; tables are cached.
const TCR: u64 = 0b010 << 32 | 1 << 23 | 0b11 << 12 | 1 << 10 | 1 << 8 | (64 - 39);
/// Translation and caches on; SPAN (exceptions leave PAN alone) and UMA (user mode may write DAIF) clear; bits 28, 29, 22,
/// 20, 11, 8 and 7 as the architecture wants them of a CPU that lacks what they control.
const SCTLR: u64 = 0x3050_1985;

/// Where QEMU begins, with everything masked and translation off. What the program does not initialise is zero: it was
/// loaded as an ELF file. What it changes: TTBR0, MAIR, TCR, SCTLR, VBAR, MDSCR, SP, X0.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        "msr SPSel, #1",
        "adrp x0, {level_1}",
        "add x0, x0, :lo12:{level_1}",
        "msr ttbr0_el1, x0",
        "adrp x1, {level_2}",
        "add x1, x1, :lo12:{level_2}",
        "orr x1, x1, {table}",
        "str x1, [x0, #16]",
        "ldr x0, ={mair}",
        "msr mair_el1, x0",
        "ldr x0, ={tcr}",
        "msr tcr_el1, x0",
        "isb",
        "tlbi vmalle1",
        "dsb sy",
        "msr mdscr_el1, xzr",
        "adrp x0, vectors",
        "add x0, x0, :lo12:vectors",
        "msr vbar_el1, x0",
        "ldr x0, ={sctlr}",
        "msr sctlr_el1, x0",
        "isb",
        "ldr x0, ={stack}",
        "mov sp, x0",
        "b {main}",
        level_1 = sym LEVEL_1, level_2 = sym LEVEL_2, table = const TABLE_ENTRY, mair = const MAIR, tcr = const TCR,
        sctlr = const SCTLR, stack = const STACK, main = sym main,
    )
}
