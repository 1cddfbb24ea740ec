//! The instruction cache: what was written as data becomes code.

use core::arch::asm;

use crate::layout::{self, PAGE_SIZE, PhysicalAddress};
use crate::registers::read_register;

/// What was written to `frame` through the linear map is what instruction fetches on any CPU find.
pub fn synchronise(frame: PhysicalAddress) {
    let sizes = read_register!("ctr_el0");
    let data_line = 4 << (sizes >> 16 & 0xf);
    let instruction_line = 4 << (sizes & 0xf);
    let start = layout::linear(frame) as usize;
    // SAFETY: cache maintenance changes no contents.
    unsafe {
        for line in (start..start + PAGE_SIZE).step_by(data_line) {
            asm!("dc cvau, {}", in(reg) line, options(nostack, preserves_flags));
        }
        asm!("dsb ish", options(nostack, preserves_flags));
        for line in (start..start + PAGE_SIZE).step_by(instruction_line) {
            asm!("ic ivau, {}", in(reg) line, options(nostack, preserves_flags));
        }
        asm!("dsb ish", "isb", options(nostack, preserves_flags));
    }
}
