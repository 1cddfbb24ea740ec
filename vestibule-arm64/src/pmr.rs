//! The backend `Pmr`: the priority mask of a GICv3 holds back ordinary interrupts, and those of a more urgent priority are NMIs.
//!
//! ```text
//!            DAIF   PMR                         DAIF   PMR
//! Process    daif   open         Error          dAIF   as it is
//! NoIrq      daif   off          Critical       DAIF   as it is
//! NoNmi      daIF   as it is
//! ```
//!
//! Where PSTATE.I is set, PMR masks nothing more, and no value of it stands for that. Nobody touches it there, so it goes on
//! saying what it said when the exception was taken: an exception that opens no further than `NoNmi`, or just inherits, never
//! writes it, nobody saves it, and to know whether the interrupted code had interrupts on, the exit reads it (C89, C90). Whoever
//! comes from user mode finds it open, and so does an ordinary interrupt: it would not have come otherwise.
//!
//! An NMI that interrupts code with interrupts off finds it off: so it is acknowledged with ordinary interrupts below the
//! threshold, and if it was withdrawn, no other is taken in its place (C95).
//!
//! Moves that take two writes go through a state that is stricter than both ends: DAIF first to close, PMR first to open (C93).
//! Wants ICC_CTLR_EL1.PMHE clear: then opening needs no barrier (C92).

use crate::backend::clear;
use crate::hardware::{A, D, DAIF_SHIFT, F, I};
use crate::{Backend, Frame, Hardware, Nmis, pstate};
use core::marker::PhantomData;
use vestibule::{Context, Fixed, Level, Masks, Step};

/// Priorities, as distributor, PMR and RPR have them; lower numbers are more urgent. Each means the same on a controller that
/// implements only the upper four bits, and seen from either Security state if GICD_CTLR.DS or SCR_EL3.FIQ is set: otherwise the distributor has
/// other numbers than PMR and RPR, and these are no masks.
pub mod priority {
    /// An NMI's.
    pub const NMI: u8 = 0x80;
    /// An ordinary interrupt's.
    pub const IRQ: u8 = 0xc0;
    /// The mask that lets only NMIs through.
    pub const OFF: u64 = 0xc0;
    /// The mask that lets everything through.
    pub const OPEN: u64 = 0xf0;
}
use priority::{OFF, OPEN};

/// A priority masks interrupts: NMIs for GICs and CPUs that have none.
pub struct Pmr<H>(PhantomData<H>);

/// DAIF of a context.
const fn daif(level: Level) -> u32 {
    match level {
        Level::Process | Level::NoIrq => 0,
        Level::NoNmi => I | F,
        Level::Error => A | I | F,
        Level::Critical => D | A | I | F,
    }
}

/// The context of both masks. Any priority mask below [`OPEN`] holds back ordinary interrupts, or may. `Process` first, because
/// most who ask ask only for that: one test, of the four upper bits of PMR, inverted, on top of the four masks.
const fn decode(pstate: u64, pmr: u64) -> Level {
    const { assert!(OPEN << 2 == pstate::DAIF) }
    let masks = (pstate >> DAIF_SHIFT) as u32 & (D | A | I | F);
    if (pstate | !(pmr << 2)) & pstate::DAIF == 0 {
        Level::Process
    } else if masks & D != 0 {
        Level::Critical
    } else if masks & A != 0 {
        Level::Error
    } else if masks != 0 {
        Level::NoNmi
    } else {
        Level::NoIrq
    }
}

// SAFETY: the table of contexts, at the head of this file, is what each move writes; the model looks at each step of it.
unsafe impl<H: Hardware> Backend for Pmr<H> {
    type Hardware = H;
    const NMIS: Nmis = Nmis::ByPriority;

    #[inline(always)]
    fn level() -> Level {
        decode(H::daif(), H::pmr())
    }
    #[inline(always)]
    fn interrupted(frame: &Frame) -> Level {
        decode(H::read(&frame.pstate), H::pmr())
    }
    #[inline(always)]
    fn is_no_irq() -> bool {
        H::daif() == 0 && H::pmr() == OFF
    }
    #[inline(always)]
    unsafe fn irqs_off() {
        // SAFETY: the caller's.
        unsafe { H::set_pmr::<OFF>() }
    }
    #[inline(always)]
    unsafe fn irqs_on() {
        // SAFETY: the caller's.
        unsafe { H::set_pmr::<OPEN>() }
    }
    #[inline(always)]
    unsafe fn nmis_off() {
        // SAFETY: the caller's.
        unsafe { H::daif_set::<{ I | F }>() }
    }
    #[inline(always)]
    unsafe fn nmis_on() {
        // SAFETY: the caller's.
        unsafe { H::daif_clear::<{ I | F }>() }
    }
    #[inline(always)]
    unsafe fn close_for_switch() {
        // SAFETY: the caller's.
        unsafe { H::daif_set::<{ D | A | I | F }>() }
    }
    #[inline(always)]
    unsafe fn open_after_switch() {
        // SAFETY: the caller's. A CPU that boots sets the priority mask itself (C100).
        unsafe {
            H::set_pmr::<OFF>();
            H::daif_clear::<{ D | A | I | F }>();
        }
    }
}

impl<H: Hardware> Masks for Pmr<H> {
    type Frame = Frame;

    #[inline(always)]
    fn lower<From: Fixed, To: Fixed>(_: Step<Self>) {
        // SAFETY: a `Step` comes with the token that this makes true.
        unsafe {
            match (From::FIXED, To::FIXED) {
                (Level::NoIrq, Level::Process) => H::set_pmr::<OPEN>(),
                (_, Level::NoIrq) => H::set_pmr::<OFF>(),
                _ => {}
            }
            clear::<H>(const { daif(From::FIXED) & !daif(To::FIXED) });
        }
    }
    #[inline(always)]
    fn inherit(frame: &Frame, _: Step<Self>) {
        // SAFETY: as above; the interrupted code had exactly these, and PMR is still its own.
        unsafe { H::write_daif(H::read(&frame.pstate) & pstate::DAIF) }
    }
    #[inline(always)]
    fn mask<From: Context>(_: Step<Self>) {
        // SAFETY: as above. Who opened `NoIrq` came from code with the priority mask open.
        unsafe {
            H::daif_set::<{ D | A | I | F }>();
            if matches!(From::LEVEL, Some(Level::NoIrq)) {
                H::set_pmr::<OPEN>();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_decodes_and_the_five_decode_to_themselves() {
        for level in [Level::Process, Level::NoIrq, Level::NoNmi, Level::Error, Level::Critical] {
            let pmr = if matches!(level, Level::NoIrq) { OFF } else { OPEN };
            assert_eq!(decode(u64::from(daif(level)) << DAIF_SHIFT, pmr), level);
        }
        for (masks, pmr) in (0..16_u32).flat_map(|masks| (0..256_u64).map(move |pmr| (masks, pmr))) {
            let strictest_needed = [(D, Level::Critical), (A, Level::Error), (I | F, Level::NoNmi)]
                .into_iter()
                .find_map(|(bits, level)| (masks & bits != 0).then_some(level))
                .unwrap_or(if pmr < OPEN { Level::NoIrq } else { Level::Process });
            for others in [0, !pstate::DAIF] {
                let pstate = u64::from(masks) << DAIF_SHIFT | others;
                assert_eq!(decode(pstate, pmr), strictest_needed, "{masks:04b} {pmr:#x}");
            }
        }
    }

    #[test]
    fn an_nmi_comes_through_the_mask_that_holds_back_interrupts() {
        assert!(u64::from(priority::NMI) < OFF && u64::from(priority::IRQ) >= OFF && u64::from(priority::IRQ) < OPEN);
    }
}
