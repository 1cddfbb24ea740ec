//! From the boot loader's jump to Rust in the upper half: image header, translation on, boot stack, BSS.
//!
//! The arm64 Linux boot protocol: x0 holds the physical address of the device tree, the MMU is off, everything is masked.
//! A secondary CPU comes from PSCI `CPU_ON` with x0 = physical address of its [`SecondaryBoot`]. Both go through
//! `boot_translation_on`; everything stays masked (DAIF) until the kernel proper opens it.
//!
//! The boot tables are constants: one identity block for the code that turns the MMU on, and in the upper half one block
//! each for RAM in the linear map, for the image, and for devices. They are coarse (a gigabyte that is writable and
//! executable), so `paging` replaces them through [`replace_kernel_tables`] before anything else runs.

use core::arch::{asm, global_asm};

use crate::layout::{DEVICE_BASE, IMAGE_BASE, LINEAR_BASE, PhysicalAddress, VIRTUAL_ADDRESS_BITS, image_to_physical};
use crate::paging::attribute_index;
use crate::registers::write_register;

/// Size of the stack that carries the first CPU until `kernel_main` has allocated a proper one.
const BOOT_STACK_SIZE: usize = 1 << 14;
const GIGABYTE: usize = 1 << 30;
/// The block that holds the image, and the start of RAM with it.
const RAM_BLOCK: usize = 0x4000_0000;

const VALID: u64 = 1;
const READ_ONLY: u64 = 1 << 7;
const INNER_SHAREABLE: u64 = 3 << 8;
const ACCESSED: u64 = 1 << 10;
const PRIVILEGED_EXECUTE_NEVER: u64 = 1 << 53;
const USER_EXECUTE_NEVER: u64 = 1 << 54;

const NORMAL: u64 = VALID | INNER_SHAREABLE | ACCESSED | USER_EXECUTE_NEVER | ((attribute_index::NORMAL as u64) << 2);
const DEVICE: u64 =
    VALID | ACCESSED | USER_EXECUTE_NEVER | PRIVILEGED_EXECUTE_NEVER | ((attribute_index::DEVICE as u64) << 2);

#[repr(C, align(4096))]
struct BootTable([u64; 512]);

impl BootTable {
    const EMPTY: Self = Self([0; 512]);

    /// Adds the gigabyte at `physical` where `base` (the start of a half, or an offset region) puts it.
    const fn with_block(mut self, base: usize, physical: usize, attributes: u64) -> Self {
        let index = ((base + physical) / GIGABYTE) % 512;
        self.0[index] = physical as u64 | attributes;
        self
    }
}

#[unsafe(no_mangle)]
static boot_identity_table: BootTable = BootTable::EMPTY.with_block(0, RAM_BLOCK, NORMAL | READ_ONLY);

#[unsafe(no_mangle)]
static boot_kernel_table: BootTable = BootTable::EMPTY
    .with_block(LINEAR_BASE, RAM_BLOCK, NORMAL | PRIVILEGED_EXECUTE_NEVER)
    .with_block(IMAGE_BASE, RAM_BLOCK, NORMAL)
    .with_block(DEVICE_BASE, 0, DEVICE);

/// What both halves point to when they map nothing.
#[unsafe(no_mangle)]
static boot_empty_table: BootTable = BootTable::EMPTY;

#[repr(C, align(32768))]
struct BootStack([u8; BOOT_STACK_SIZE]);

#[unsafe(no_mangle)]
static mut boot_stack: BootStack = BootStack([0; BOOT_STACK_SIZE]);

/// Where a table that maps nothing lies, for TTBR0 while no user address space is active.
pub fn empty_table() -> PhysicalAddress {
    image_to_physical(&raw const boot_empty_table as usize)
}

/// Empties this CPU's lower half, where the identity block was.
pub fn leave_identity_map() {
    // SAFETY: nothing lives in the lower half but the code that turned the MMU on, which has done its work.
    unsafe {
        write_register!("ttbr0_el1", empty_table().0);
        asm!("tlbi vmalle1", "dsb nsh", "isb", options(nostack, preserves_flags));
    }
}

/// What a secondary CPU needs before it can run Rust. It reads this with its caches off, so `smp` cleans it to memory.
#[repr(C, align(64))]
pub struct SecondaryBoot {
    /// Physical address of the kernel's top table.
    pub kernel_table: usize,
    /// Top of its stack in the upper half.
    pub stack_top: usize,
    /// Its index.
    pub cpu: usize,
}

unsafe extern "C" {
    fn boot_secondary_entry();
    fn boot_replace_kernel_tables(entry: usize, table: usize, empty: usize, sctlr: u64);
    fn boot_continue_on_stack(stack_top: usize, body: extern "C" fn(usize) -> !, argument: usize) -> !;
}

/// Physical address that PSCI `CPU_ON` starts a secondary CPU at.
pub fn secondary_entry() -> PhysicalAddress {
    image_to_physical(boot_secondary_entry as *const () as usize)
}

/// Replaces the boot tables by the kernel's own and makes writable memory non-executable (SCTLR_EL1.WXN).
///
/// # Safety
/// `table` is a top table that maps everything in use where it is now: image, stack, linear map, devices. The first CPU
/// calls this once, before the secondaries start.
pub unsafe fn replace_kernel_tables(table: PhysicalAddress) {
    // The code name is a function in the upper half; its physical address is where the identity block shows it.
    let entry = image_to_physical(boot_replace_kernel_tables as *const () as usize).0;
    // SAFETY: the routine runs from the identity block, so the upper half may vanish while it runs (break before make);
    // the caller promises that it comes back the same.
    unsafe { boot_replace_kernel_tables(entry, table.0, empty_table().0, SCTLR) };
}

/// Leaves the current stack for good and calls `body(argument)` on the one that ends at `stack_top`.
///
/// # Safety
/// `stack_top` is the top of a mapped, unused kernel stack; nothing on the current one is needed again.
pub unsafe fn continue_on_stack(stack_top: usize, body: extern "C" fn(usize) -> !, argument: usize) -> ! {
    // SAFETY: as promised by the caller.
    unsafe { boot_continue_on_stack(stack_top, body, argument) }
}

/// Attribute n of MAIR_EL1 in byte n, see `paging::attribute_index`.
const MAIR: u64 = (0xff << (8 * attribute_index::NORMAL))
    | (0x04 << (8 * attribute_index::DEVICE))
    | (0xff << (8 * attribute_index::NORMAL_TAGGED));

/// Write-back tables, inner shareable, 4 KiB granule, both halves; EL0 pointers may carry a top byte (TBI0), as Linux
/// programs expect. AS (ASIDs of 16 bits) and IPS are filled in from what the CPU has.
const TCR: u64 = {
    let size = 64 - VIRTUAL_ADDRESS_BITS as u64;
    let lower = size | (1 << 8) | (1 << 10) | (3 << 12);
    let upper = (size << 16) | (1 << 24) | (1 << 26) | (3 << 28) | (2 << 30);
    lower | upper | (1 << 37)
};

/// MMU and caches on, stack alignment checked, WXN on, SPAN clear (PAN is set by every exception to EL1), entry and
/// exit are context synchronising (EIS, EOS); EL0 may use WFI, WFE, DC ZVA, cache maintenance and CTR_EL0.
const SCTLR: u64 = {
    let translation = (1 << 0) | (1 << 2) | (1 << 12) | (1 << 19);
    let stack_alignment = (1 << 3) | (1 << 4);
    let synchronising = (1 << 22) | (1 << 11);
    let user = (1 << 14) | (1 << 15) | (1 << 16) | (1 << 18) | (1 << 26);
    let reserved_one = (1 << 7) | (1 << 8) | (1 << 20) | (1 << 28) | (1 << 29);
    translation | stack_alignment | synchronising | user | reserved_one
};
const WXN: u64 = 1 << 19;

global_asm!(
    r#"
    .arch_extension pan
    .section .head.text, "ax"

    // The arm64 Image header. QEMU and other loaders put the image at the start of RAM plus the text offset.
    .global _head
_head:
    b       boot_primary_entry
    .long   0
    .quad   {text_offset}
    .quad   __image_size
    .quad   0b0010                      // little endian, 4 KiB pages, near the start of RAM
    .quad   0
    .quad   0
    .quad   0
    .ascii  "ARM\x64"
    .long   0

    // In: x0 = device tree (physical), MMU off. Out: kernel_main(x0) on the boot stack. All masked throughout.
boot_primary_entry:
    msr     daifset, #0xf
    mov     x20, x0
    adrp    x0, boot_kernel_table
    add     x0, x0, :lo12:boot_kernel_table
    ldr     x1, ={sctlr_boot}
    bl      boot_translation_on
    ldr     x1, =1f
    br      x1
1:  ldr     x1, =boot_stack + {boot_stack_size}
    mov     sp, x1
    ldr     x1, =__bss_start
    ldr     x2, =__bss_end
2:  cmp     x1, x2
    b.hs    3f
    stp     xzr, xzr, [x1], #16
    b       2b
3:  mov     x29, xzr
    mov     x30, xzr
    mov     x0, x20
    bl      kernel_main
    brk     #0

    // In: x0 = SecondaryBoot (physical), MMU off. Out: secondary_main(cpu) on its own stack. All masked throughout.
    .global boot_secondary_entry
boot_secondary_entry:
    msr     daifset, #0xf
    ldp     x3, x20, [x0]               // kernel table, stack top
    ldr     x21, [x0, #16]              // cpu
    mov     x0, x3
    ldr     x1, ={sctlr}
    bl      boot_translation_on
    ldr     x1, =1f
    br      x1
1:  mov     sp, x20
    mov     x29, xzr
    mov     x30, xzr
    mov     x0, x21
    bl      secondary_main
    brk     #0

    // In: x0 = TTBR1 (physical), x1 = SCTLR_EL1, x30 = return address (physical). Clobbers x2-x4.
    // Out: this CPU translates with x0 in the upper half and the identity block in the lower one; PAN set; FP/SIMD traps nowhere, and
    // the kernel uses none.
boot_translation_on:
    msr     spsel, #1
    mov     x2, #(3 << 20)
    msr     cpacr_el1, x2
    msr     tpidr_el1, xzr
    mov     x2, #(1 << 12)              // TDCC: user mode has no debug communication channel
    msr     mdscr_el1, x2
    msr     osdlr_el1, xzr              // locked, they would keep software steps away
    msr     oslar_el1, xzr
    adrp    x2, boot_identity_table
    add     x2, x2, :lo12:boot_identity_table
    msr     ttbr0_el1, x2
    msr     ttbr1_el1, x0
    ldr     x2, ={mair}
    msr     mair_el1, x2
    ldr     x2, ={tcr}
    mrs     x3, id_aa64mmfr0_el1
    and     x4, x3, #0xf                // physical address size, at most 48 bits
    cmp     x4, #5
    b.ls    1f
    mov     x4, #5
1:  bfi     x2, x4, #32, #3
    ubfx    x4, x3, #4, #4              // ASID bits: 2 is 16 of them
    cmp     x4, #2
    b.ne    2f
    orr     x2, x2, #(1 << 36)
2:  msr     tcr_el1, x2
    isb
    tlbi    vmalle1
    ic      iallu
    dsb     nsh
    isb
    msr     sctlr_el1, x1
    isb
    msr     pan, #1
    ret

    // In: x0 = this routine (physical), x1 = new TTBR1, x2 = empty table, x3 = SCTLR_EL1, x30 in the upper half.
    // Break before make: while it runs, from the identity block and without a stack, the upper half is empty.
    .global boot_replace_kernel_tables
boot_replace_kernel_tables:
    add     x0, x0, #(1f - boot_replace_kernel_tables)
    br      x0
1:  msr     ttbr1_el1, x2
    isb
    msr     sctlr_el1, x3
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    msr     ttbr1_el1, x1
    isb
    ret

    // In: x0 = stack top, x1 = function that does not return, x2 = its argument.
    .global boot_continue_on_stack
boot_continue_on_stack:
    mov     sp, x0
    mov     x29, xzr
    mov     x30, xzr
    mov     x0, x2
    blr     x1
    brk     #0
"#,
    text_offset = const 0x20_0000,
    boot_stack_size = const BOOT_STACK_SIZE,
    sctlr_boot = const SCTLR & !WXN,
    sctlr = const SCTLR,
    mair = const MAIR,
    tcr = const TCR,
);
