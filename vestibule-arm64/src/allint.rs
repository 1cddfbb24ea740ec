//! The backend `AllInt`: FEAT_NMI. Interrupts with superpriority come where PSTATE.I is set; PSTATE.ALLINT masks them too.
//!
//! ```text
//!            DAIF   ALLINT                      DAIF   ALLINT
//! Process    daif   0              Error        dAIF   1
//! NoIrq      daIF   0              Critical     DAIF   1
//! NoNmi      daIF   1
//! ```
//!
//! Taking an exception sets ALLINT (SCTLR_EL1.SPINTMASK is clear), and SPSR has what it was. Moves that take two writes go
//! through a state that is stricter than the more open end: ALLINT is the first to close and the last to open (C93).
//!
//! Wants SCTLR_EL1.NMI set, and a controller with NMIs (GICD_TYPER.NMI).

use crate::backend::{clear, daif};
use crate::hardware::{A, ALLINT, D, DAIF_SHIFT, F, I};
use crate::{Backend, Frame, Hardware, Nmis, pstate};
use core::marker::PhantomData;
use vestibule::{Context, Fixed, Level, Masks, Step};

/// PSTATE masks interrupts and, by a mask of their own, NMIs.
pub struct AllInt<H>(PhantomData<H>);

/// ALLINT of a context.
const fn masks_nmis(level: Level) -> bool {
    level as u8 >= Level::NoNmi as u8
}

/// The context of both masks, as SPSR has them.
const fn decode(pstate: u64) -> Level {
    let masks = (pstate >> DAIF_SHIFT) as u32 & (D | A | I | F);
    if pstate & (pstate::DAIF | ALLINT) == 0 {
        Level::Process
    } else if masks & D != 0 {
        Level::Critical
    } else if masks & A != 0 {
        Level::Error
    } else if pstate & ALLINT != 0 {
        Level::NoNmi
    } else {
        Level::NoIrq
    }
}

// SAFETY: the table of contexts, at the head of this file, is what each move writes; the model looks at each step of it.
unsafe impl<H: Hardware> Backend for AllInt<H> {
    type Hardware = H;
    const NMIS: Nmis = Nmis::BySuperpriority;

    #[inline(always)]
    fn level() -> Level {
        decode(H::daif() | H::allint())
    }
    #[inline(always)]
    fn interrupted(frame: &Frame) -> Level {
        decode(H::read(&frame.pstate))
    }
    #[inline(always)]
    fn is_no_irq() -> bool {
        H::daif() | H::allint() == u64::from(I | F) << DAIF_SHIFT
    }
    #[inline(always)]
    unsafe fn irqs_off() {
        // SAFETY: the caller's.
        unsafe { H::daif_set::<{ I | F }>() }
    }
    #[inline(always)]
    unsafe fn irqs_on() {
        // SAFETY: the caller's.
        unsafe { H::daif_clear::<{ I | F }>() }
    }
    #[inline(always)]
    unsafe fn nmis_off() {
        // SAFETY: the caller's.
        unsafe {
            H::allint_set();
            H::daif_set::<{ I | F }>();
        }
    }
    #[inline(always)]
    unsafe fn nmis_on() {
        // SAFETY: the caller's.
        unsafe {
            H::daif_clear::<{ I | F }>();
            H::allint_clear();
        }
    }
    #[inline(always)]
    unsafe fn close_for_switch() {
        // SAFETY: the caller's.
        unsafe {
            H::allint_set();
            H::daif_set::<{ D | A }>();
        }
    }
    #[inline(always)]
    unsafe fn open_after_switch() {
        // SAFETY: the caller's.
        unsafe {
            H::daif_clear::<{ D | A }>();
            H::allint_clear();
        }
    }
}

impl<H: Hardware> Masks for AllInt<H> {
    type Frame = Frame;

    #[inline(always)]
    fn lower<From: Fixed, To: Fixed>(_: Step<Self>) {
        // SAFETY: a `Step` comes with the token that this makes true.
        unsafe {
            clear::<H>(const { daif(From::FIXED) & !daif(To::FIXED) });
            if const { masks_nmis(From::FIXED) && !masks_nmis(To::FIXED) } {
                H::allint_clear();
            }
        }
    }
    #[inline(always)]
    fn inherit(frame: &Frame, _: Step<Self>) {
        let pstate = H::read(&frame.pstate);
        // SAFETY: as above; the interrupted code had exactly these: interrupts are never open where anything else is masked (C5).
        unsafe {
            if pstate & u64::from(I) << DAIF_SHIFT == 0 {
                H::daif_clear::<{ D | A | I | F }>();
                H::allint_clear();
            } else {
                core::hint::cold_path();
                H::write_daif(pstate & pstate::DAIF);
                H::write_allint(pstate & ALLINT);
            }
        }
    }
    #[inline(always)]
    fn mask<From: Context>(_: Step<Self>) {
        // SAFETY: as above.
        unsafe {
            if From::LEVEL.is_none_or(|level| !masks_nmis(level)) {
                H::allint_set();
            }
            H::daif_set::<{ D | A | I | F }>();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_decodes_and_the_five_decode_to_themselves() {
        for level in [Level::Process, Level::NoIrq, Level::NoNmi, Level::Error, Level::Critical] {
            let allint = if masks_nmis(level) { ALLINT } else { 0 };
            assert_eq!(decode(u64::from(daif(level)) << DAIF_SHIFT | allint), level);
        }
        for (masks, allint) in (0..16_u32).flat_map(|masks| [(masks, 0), (masks, ALLINT)]) {
            let bits = u64::from(masks) << DAIF_SHIFT | allint;
            let strictest_needed = [
                (u64::from(D) << DAIF_SHIFT, Level::Critical),
                (u64::from(A) << DAIF_SHIFT, Level::Error),
                (ALLINT, Level::NoNmi),
                (u64::from(I | F) << DAIF_SHIFT, Level::NoIrq),
            ]
            .into_iter()
            .find_map(|(of, level)| (bits & of != 0).then_some(level))
            .unwrap_or(Level::Process);
            assert_eq!(decode(bits), strictest_needed, "{masks:04b} {allint:#x}");
        }
    }
}
