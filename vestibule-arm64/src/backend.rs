//! A backend says how contexts lie on the hardware. Here what each must say, and `Daif`, for CPUs whose interrupts are all
//! masked by PSTATE.

use crate::hardware::{A, D, DAIF_SHIFT, F, I};
use crate::{Frame, Hardware, pstate};
use core::marker::PhantomData;
use vestibule::{Context, Fixed, Level, Masks, Step};

/// How NMIs come, where they do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nmis {
    /// They do not: everything is an ordinary interrupt.
    None,
    /// They are interrupts of a priority that the mask lets through where it holds back ordinary ones.
    ByPriority,
    /// They have superpriority, which PSTATE.I does not mask: FEAT_NMI.
    BySuperpriority,
}

/// How contexts lie on the hardware, apart from the steps of an exception ([`Masks`]): what code that is no exception
/// asks and moves. `decode` is each backend's one function from masks to contexts; what is none of the five counts as the stricter.
///
/// # Safety
/// After each move, those of [`Masks`] too, the CPU masks what the context that it is to says, and nothing less on the way. Tokens, the
/// return and the task switch rest on that.
pub unsafe trait Backend: Masks<Frame = Frame> {
    /// The CPU.
    type Hardware: Hardware;
    /// How NMIs come.
    const NMIS: Nmis;

    /// The context of this CPU.
    fn level() -> Level;
    /// What `level` says in the context `of`: another, where this backend masks the same in both.
    #[inline(always)]
    fn level_in(of: Level) -> Level {
        of
    }
    /// The context of the interrupted code. Before: masks are as its exception left them, or as the exit has put them back.
    fn interrupted(frame: &Frame) -> Level;
    /// Exactly `NoIrq`, as a task switch wants it; not what is only rounded to that.
    fn is_no_irq() -> bool;

    /// `Process` to `NoIrq`.
    ///
    /// # Safety
    /// The token of whoever runs here says the same afterwards; so for each of these.
    unsafe fn irqs_off();
    /// `NoIrq` to `Process`.
    ///
    /// # Safety
    /// As [`irqs_off`](Backend::irqs_off).
    unsafe fn irqs_on();
    /// `Process` to `NoNmi`.
    ///
    /// # Safety
    /// As [`irqs_off`](Backend::irqs_off).
    unsafe fn nmis_off();
    /// `NoNmi` to `Process`.
    ///
    /// # Safety
    /// As [`irqs_off`](Backend::irqs_off).
    unsafe fn nmis_on();
    /// `NoIrq` to everything masked, for a task switch.
    ///
    /// # Safety
    /// As [`irqs_off`](Backend::irqs_off).
    unsafe fn close_for_switch();
    /// And back: on the other task, or on a CPU that boots, whatever its masks of interrupts are.
    ///
    /// # Safety
    /// As [`irqs_off`](Backend::irqs_off).
    unsafe fn open_after_switch();
}

/// PSTATE's masks of a context, where nothing but them masks ordinary interrupts: `NoNmi` is `NoIrq`.
pub(crate) const fn daif(level: Level) -> u32 {
    match level {
        Level::Process => 0,
        Level::NoIrq | Level::NoNmi => I | F,
        Level::Error => A | I | F,
        Level::Critical => D | A | I | F,
    }
}

/// The context of the masks. `Process` first, because most who ask ask only for that: one test then.
const fn decode(pstate: u64) -> Level {
    let masks = (pstate >> DAIF_SHIFT) as u32 & (D | A | I | F);
    if masks == 0 {
        Level::Process
    } else if masks & D != 0 {
        Level::Critical
    } else if masks & A != 0 {
        Level::Error
    } else {
        Level::NoIrq
    }
}

/// PSTATE masks interrupts, and there are no NMIs.
pub struct Daif<H>(PhantomData<H>);

// SAFETY: the table of contexts, at the head of this file, is what each move writes; the model looks at each step of it.
unsafe impl<H: Hardware> Backend for Daif<H> {
    type Hardware = H;
    const NMIS: Nmis = Nmis::None;

    #[inline(always)]
    fn level() -> Level {
        decode(H::daif())
    }
    #[inline(always)]
    fn level_in(of: Level) -> Level {
        if matches!(of, Level::NoNmi) { Level::NoIrq } else { of }
    }
    #[inline(always)]
    fn interrupted(frame: &Frame) -> Level {
        decode(H::read(&frame.pstate))
    }
    #[inline(always)]
    fn is_no_irq() -> bool {
        H::daif() == u64::from(I | F) << DAIF_SHIFT
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
        unsafe { H::daif_set::<{ D | A }>() }
    }
    #[inline(always)]
    unsafe fn open_after_switch() {
        // SAFETY: the caller's.
        unsafe { H::daif_clear::<{ D | A }>() }
    }
}

impl<H: Hardware> Masks for Daif<H> {
    type Frame = Frame;

    #[inline(always)]
    fn lower<From: Fixed, To: Fixed>(_: Step<Self>) {
        // SAFETY: a `Step` comes with the token that this makes true.
        unsafe { clear::<H>(const { daif(From::FIXED) & !daif(To::FIXED) }) }
    }
    #[inline(always)]
    fn inherit(frame: &Frame, _: Step<Self>) {
        // SAFETY: as above; the interrupted code had exactly these.
        unsafe { H::write_daif(H::read(&frame.pstate) & pstate::DAIF) }
    }
    #[inline(always)]
    fn mask<From: Context>(_: Step<Self>) {
        // SAFETY: as above.
        unsafe { H::daif_set::<{ D | A | I | F }>() }
    }
}

/// Opens `bits`, a constant: a difference of two contexts' masks.
///
/// # Safety
/// As [`Hardware::daif_clear`].
#[inline(always)]
pub(crate) unsafe fn clear<H: Hardware>(bits: u32) {
    // SAFETY: the caller's.
    unsafe {
        match bits {
            0b1111 => H::daif_clear::<{ D | A | I | F }>(),
            0b1100 => H::daif_clear::<{ D | A }>(),
            0b1000 => H::daif_clear::<D>(),
            0b0111 => H::daif_clear::<{ A | I | F }>(),
            0b0100 => H::daif_clear::<A>(),
            0b0011 => H::daif_clear::<{ I | F }>(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_decodes_and_the_five_decode_to_themselves() {
        for level in [Level::Process, Level::NoIrq, Level::Error, Level::Critical] {
            assert_eq!(decode(u64::from(daif(level)) << DAIF_SHIFT), level);
        }
        for masks in 0..16_u32 {
            let level = decode(u64::from(masks) << DAIF_SHIFT);
            let strictest_needed = [(D, Level::Critical), (A, Level::Error), (I | F, Level::NoIrq)]
                .into_iter()
                .find_map(|(bits, level)| (masks & bits != 0).then_some(level))
                .unwrap_or(Level::Process);
            assert_eq!(level, strictest_needed, "{masks:04b}");
        }
    }
}
