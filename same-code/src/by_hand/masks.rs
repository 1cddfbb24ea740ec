//! The masks: which bits of what, from where to where, on each backend.

use core::arch::asm;
use core::hint::cold_path;
use vestibule_arm64::Frame;

/// PSTATE masks interrupts, and there are no NMIs.
pub const DAIF: u8 = 0;
/// A priority masks interrupts.
pub const PMR: u8 = 1;
/// PSTATE masks interrupts, and NMIs by ALLINT.
pub const ALLINT: u8 = 2;

/// The four masks in a saved PSTATE, and ALLINT.
const DAIF_BITS: u64 = 0xf << 6;
const ALLINT_BIT: u64 = 1 << 13;
const I_BIT: u64 = 1 << 7;

/// What the priority mask is.
const IRQS_OFF: u64 = 0xc0;
const IRQS_ON: u64 = 0xf0;

macro_rules! mask {
    ($bits:literal) => {
        // SAFETY: whoever masks says why.
        unsafe { asm!("msr daifset, {}", const $bits, options(nostack, preserves_flags)) }
    };
}
macro_rules! open {
    ($bits:literal) => {
        // SAFETY: whoever opens says why.
        unsafe { asm!("msr daifclr, {}", const $bits, options(nostack, preserves_flags)) }
    };
}

#[inline(always)]
fn set_priority_mask<const PRIORITY: u64>() {
    // SAFETY: whoever masks or opens says why.
    unsafe {
        asm!(
            "mov {priority}, {value}",
            "msr icc_pmr_el1, {priority}",
            priority = out(reg) _,
            value = const PRIORITY,
            options(nostack, preserves_flags)
        )
    }
}

#[inline(always)]
fn priority_mask() -> u64 {
    let priority: u64;
    // SAFETY: only reads; it changes only by this code's own writes.
    unsafe { asm!("mrs {}, icc_pmr_el1", out(reg) priority, options(pure, readonly, nostack, preserves_flags)) }
    priority
}

/// MSR ALLINT, #1.
#[inline(always)]
fn mask_nmis() {
    // SAFETY: whoever masks says why.
    unsafe { asm!(".inst 0xd501411f", options(nostack, preserves_flags)) }
}

/// MSR ALLINT, #0.
#[inline(always)]
fn open_nmis() {
    // SAFETY: whoever opens says why.
    unsafe { asm!(".inst 0xd501401f", options(nostack, preserves_flags)) }
}

/// From everything masked to nothing masked.
#[inline(always)]
pub fn open<const BACKEND: u8>() {
    open!(15);
    if BACKEND == ALLINT {
        open_nmis();
    }
}

/// From everything masked to interrupts only.
#[inline(always)]
pub fn open_to_irqs_masked<const BACKEND: u8>() {
    if BACKEND == PMR {
        set_priority_mask::<IRQS_OFF>();
        open!(15);
    } else {
        open!(12);
    }
    if BACKEND == ALLINT {
        open_nmis();
    }
}

/// From everything masked to interrupts and NMIs.
#[inline(always)]
pub fn open_to_nmis_masked() {
    open!(12);
}

/// From everything masked to SError too.
#[inline(always)]
pub fn open_to_serror_masked() {
    open!(8);
}

/// NMIs, after interrupts and NMIs were masked.
#[inline(always)]
pub fn then_to_irqs_masked<const BACKEND: u8>() {
    match BACKEND {
        PMR => {
            set_priority_mask::<IRQS_OFF>();
            open!(3);
        }
        ALLINT => open_nmis(),
        _ => {}
    }
}

/// The rest, after SError was masked.
#[inline(always)]
pub fn open_after_serror<const BACKEND: u8>() {
    open!(7);
    if BACKEND == ALLINT {
        open_nmis();
    }
}

#[inline(always)]
pub fn open_irqs<const BACKEND: u8>() {
    if BACKEND == PMR {
        set_priority_mask::<IRQS_ON>();
    } else {
        open!(3);
    }
}

#[inline(always)]
pub fn mask_irqs<const BACKEND: u8>() {
    if BACKEND == PMR {
        set_priority_mask::<IRQS_OFF>();
    } else {
        mask!(3);
    }
}

/// Everything, from nothing or from what was inherited.
#[inline(always)]
pub fn mask<const BACKEND: u8>() {
    if BACKEND == ALLINT {
        mask_nmis();
    }
    mask!(15);
}

/// Everything, from interrupts only.
#[inline(always)]
pub fn mask_from_irqs_masked<const BACKEND: u8>() {
    mask::<BACKEND>();
    if BACKEND == PMR {
        set_priority_mask::<IRQS_ON>();
    }
}

/// Everything, where NMIs were masked already.
#[inline(always)]
pub fn mask_from_nmis_masked() {
    mask!(15);
}

/// The masks of the interrupted code.
#[inline(always)]
pub fn inherit<const BACKEND: u8>(frame: &Frame) {
    let pstate = frame.pstate;
    if BACKEND == ALLINT && pstate & I_BIT == 0 {
        open!(15);
        open_nmis();
        return;
    }
    if BACKEND == ALLINT {
        cold_path();
    }
    // SAFETY: it had exactly these.
    unsafe {
        asm!("msr daif, {}", in(reg) pstate & DAIF_BITS, options(nostack, preserves_flags));
        if BACKEND == ALLINT {
            asm!("msr s3_0_c4_c3_0, {}", in(reg) pstate & ALLINT_BIT, options(nostack, preserves_flags));
        }
    }
}

/// The interrupted code had interrupts on.
#[inline(always)]
pub fn irqs_were_on<const BACKEND: u8>(frame: &Frame) -> bool {
    masked::<BACKEND>(frame) == 0
}

/// What the interrupted code had masked.
#[inline(always)]
fn masked<const BACKEND: u8>(frame: &Frame) -> u64 {
    match BACKEND {
        PMR => (frame.pstate | !(priority_mask() << 2)) & DAIF_BITS,
        ALLINT => frame.pstate & (DAIF_BITS | ALLINT_BIT),
        _ => frame.pstate & DAIF_BITS,
    }
}

/// The interrupted code had them off by priority: only an NMI comes there.
#[inline(always)]
pub fn irqs_are_off_by_priority() -> bool {
    priority_mask() != IRQS_ON
}
