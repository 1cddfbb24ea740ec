//! Translations that CPUs remember: how they are made to forget, all of them and for good.
//!
//! Each function is the whole sequence: what was written to the tables is visible to every CPU's walks before the
//! invalidation, and when it returns no CPU uses the old translation any more, nor has an access through it under way.

use core::arch::asm;

use crate::asids::Asid;

/// The operand that names `page` of `asid`.
fn operand(asid: &Asid, page: usize) -> u64 {
    asid.bits() << 48 | (page as u64 >> 12 & ((1 << 44) - 1))
}

/// Forgets one page, but not the tables above it.
pub fn forget_page(asid: &Asid, page: usize) {
    // SAFETY: only forgets; whoever still has the page mapped finds it again.
    unsafe {
        asm!("dsb ishst", "tlbi vale1is, {}", "dsb ish", "isb", in(reg) operand(asid, page), options(nostack, preserves_flags));
    }
}

/// Forgets several pages, but not the tables above them.
pub fn forget_pages(asid: &Asid, pages: impl Iterator<Item = usize>) {
    // SAFETY: as above.
    unsafe {
        asm!("dsb ishst", options(nostack, preserves_flags));
        for page in pages {
            asm!("tlbi vale1is, {}", in(reg) operand(asid, page), options(nostack, preserves_flags));
        }
        asm!("dsb ish", "isb", options(nostack, preserves_flags));
    }
}

/// Forgets one page and the tables above it.
pub fn forget_tables(asid: &Asid, page: usize) {
    // SAFETY: as above.
    unsafe {
        asm!("dsb ishst", "tlbi vae1is, {}", "dsb ish", "isb", in(reg) operand(asid, page), options(nostack, preserves_flags));
    }
}

/// Forgets everything of one address space.
pub fn forget_all(asid: &Asid) {
    // SAFETY: as above.
    unsafe {
        asm!("dsb ishst", "tlbi aside1is, {}", "dsb ish", "isb", in(reg) asid.bits() << 48, options(nostack, preserves_flags));
    }
}

/// An entry that was empty has been filled: walks of this CPU find it from here on. Nothing is forgotten, because what is not
/// valid is never remembered.
pub fn publish() {
    // SAFETY: a barrier.
    unsafe { asm!("dsb ishst", "isb", options(nostack, preserves_flags)) };
}
