//! The virtual memory map: what lives where in the upper half, and where user memory ends.
//!
//! Both halves are 39 bits wide, with 4 KiB pages and three levels of tables. Three regions of the upper half are plain
//! offsets of physical addresses, so converting is arithmetic; the fourth holds kernel stacks between guard pages.

use core::ops::Range;

pub use crate::regions::PAGE_SIZE;
pub use aarch64_paging::descriptor::PhysicalAddress;

/// Width of each half of the address space; `boot` programs TCR_EL1 with it.
pub const VIRTUAL_ADDRESS_BITS: usize = 39;
/// First address above user memory.
pub const USER_END: usize = 1 << VIRTUAL_ADDRESS_BITS;

/// All RAM, read-write and never executable; `LINEAR_BASE + physical`.
pub const LINEAR_BASE: usize = 0xffff_ff80_0000_0000;
/// The kernel image with the permissions of its segments; `IMAGE_BASE + physical`. `kernel.ld` repeats it.
pub const IMAGE_BASE: usize = 0xffff_ffc0_0000_0000;
/// Device registers; `DEVICE_BASE + physical`.
pub const DEVICE_BASE: usize = 0xffff_ffd0_0000_0000;
/// Kernel stacks, each with an unmapped stack-sized guard below (`stacks`).
pub const STACK_BASE: usize = 0xffff_ffe0_0000_0000;
/// First address above the stack region.
pub const STACK_END: usize = 0xffff_fff0_0000_0000;

/// Physical addresses the linear map can hold.
pub const LINEAR_LIMIT: usize = IMAGE_BASE - LINEAR_BASE;
/// Physical addresses the device region can hold.
pub const DEVICE_LIMIT: usize = STACK_BASE - DEVICE_BASE;

/// Where the linear map shows `physical`.
pub fn linear(physical: PhysicalAddress) -> *mut u8 {
    debug_assert!(physical.0 < LINEAR_LIMIT);
    (LINEAR_BASE + physical.0) as *mut u8
}

/// The physical address behind `address`, which must lie in the linear map.
pub fn linear_to_physical(address: usize) -> PhysicalAddress {
    debug_assert!((LINEAR_BASE..IMAGE_BASE).contains(&address));
    PhysicalAddress(address - LINEAR_BASE)
}

/// The physical address behind `address`, which must lie in the kernel image.
pub fn image_to_physical(address: usize) -> PhysicalAddress {
    debug_assert!((IMAGE_BASE..DEVICE_BASE).contains(&address));
    PhysicalAddress(address - IMAGE_BASE)
}

/// Where the device region shows `physical`.
pub fn device(physical: PhysicalAddress) -> *mut u8 {
    debug_assert!(physical.0 < DEVICE_LIMIT);
    (DEVICE_BASE + physical.0) as *mut u8
}

/// The kernel image as linked: virtual ranges of its segments.
pub struct Image {
    /// Code, read and execute.
    pub text: Range<usize>,
    /// Constants, read only.
    pub rodata: Range<usize>,
    /// Data and BSS, read and write.
    pub data: Range<usize>,
}

unsafe extern "C" {
    static __image_start: u8;
    static __entry_text_start: u8;
    static __entry_text_end: u8;
    static __text_end: u8;
    static __rodata_end: u8;
    static __image_end: u8;
}

/// The running kernel image.
pub fn image() -> Image {
    let start = &raw const __image_start as usize;
    let text_end = &raw const __text_end as usize;
    let rodata_end = &raw const __rodata_end as usize;
    let end = &raw const __image_end as usize;
    Image { text: start..text_end, rodata: text_end..rodata_end, data: rodata_end..end }
}

/// The port's vectors, entry and exit code.
pub fn entry_text() -> Range<usize> {
    &raw const __entry_text_start as usize..&raw const __entry_text_end as usize
}

/// Is this where kernel stacks are?
pub fn is_stack(address: usize) -> bool {
    (STACK_BASE..STACK_END).contains(&address)
}

/// Rounds down to a page boundary.
pub const fn page_down(address: usize) -> usize {
    address & !(PAGE_SIZE - 1)
}

/// Rounds up to a page boundary.
pub const fn page_up(address: usize) -> usize {
    page_down(address + PAGE_SIZE - 1)
}
