//! Interrupt masking for the kernel's own short critical sections. Entry and exit never come here: their masks belong
//! to the port.

use core::arch::asm;

/// The mask bits that were in force before [`mask`].
#[derive(Clone, Copy)]
pub struct SavedMask(u64);

/// Masks interrupts (I and F) on this CPU and returns what was masked before. A compiler barrier.
pub fn mask() -> SavedMask {
    let daif: u64;
    // SAFETY: masking only delays interrupts; `restore` undoes it. Memory accesses stay on their side.
    unsafe { asm!("mrs {}, daif", "msr daifset, #3", out(reg) daif, options(nostack, preserves_flags)) };
    SavedMask(daif)
}

/// Goes back to the mask that `saved` recorded on this CPU. A compiler barrier.
pub fn restore(saved: SavedMask) {
    // SAFETY: the value was read from this register on this CPU; sections nest, so it is what the caller ran under.
    unsafe { asm!("msr daif, {}", in(reg) saved.0, options(nostack, preserves_flags)) };
}
