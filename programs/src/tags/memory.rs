//! Pointers with tags, and the instructions that make them.

use core::arch::asm;

/// `address` with this tag in place of the one that it has.
pub const fn with(address: usize, tag: usize) -> usize {
    address & !(0xf << 56) | tag << 56
}

/// Without.
pub const fn without(address: usize) -> usize {
    with(address, 0)
}

/// Gives the 16 bytes at `address` the tag that it has.
pub fn set(address: usize) {
    // SAFETY: the callers' memory.
    unsafe { asm!(".arch_extension memtag", "stg {a}, [{a}]", a = in(reg) address, options(nostack, preserves_flags)) };
}

/// The tag of the 16 bytes at `address`.
pub fn get(address: usize) -> usize {
    let mut found = address;
    // SAFETY: as above.
    unsafe {
        asm!(".arch_extension memtag", "ldg {f}, [{f}]", f = inout(reg) found, options(nostack, preserves_flags));
    }
    found >> 56 & 0xf
}

/// A tag that the CPU chooses.
pub fn choose() -> usize {
    let mut pointer = 0_usize;
    // SAFETY: touches no memory.
    unsafe {
        asm!(".arch_extension memtag", "irg {p}, {p}", p = inout(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    pointer >> 56
}

/// Whether checks are masked.
pub fn masked() -> bool {
    let tco: u64;
    // SAFETY: only reads. TCO.
    unsafe { asm!("mrs {}, s3_3_c4_c2_7", out(reg) tco, options(nostack, preserves_flags)) };
    tco != 0
}

/// Masks checks, or opens them again.
pub fn mask(masked: bool) {
    // SAFETY: no access is another for this.
    unsafe { asm!("msr s3_3_c4_c2_7, {}", in(reg) u64::from(masked) << 25, options(nostack, preserves_flags)) };
}

/// One STR.
pub fn store(address: usize, value: u64) {
    // SAFETY: the callers' memory, or a fault that they wait for.
    unsafe { asm!("str {}, [{}]", in(reg) value, in(reg) address, options(nostack, preserves_flags)) };
}

/// One LDR.
pub fn load(address: usize) -> u64 {
    let value;
    // SAFETY: as above.
    unsafe { asm!("ldr {}, [{}]", out(reg) value, in(reg) address, options(nostack, preserves_flags)) };
    value
}
