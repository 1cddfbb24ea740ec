//! The interrupt controller, as an interrupt's handler meets it: which interrupt is it, of which kind, and it is over. What
//! is set up before any comes, distributor, priorities and routing, is the kernel's.

use crate::pmr::priority;
use crate::{Backend, Hardware, Nmis};
use core::marker::PhantomData;
use vestibule::Acknowledged;

/// By which of its two lines an interrupt came: IRQ, or FIQ.
pub trait Line: 'static {
    /// FIQ: the GIC's group 0.
    const FIQ: bool;
}
/// The GIC's group 1.
pub enum Irq {}
/// The GIC's group 0.
pub enum Fiq {}
impl Line for Irq {
    const FIQ: bool = false;
}
impl Line for Fiq {
    const FIQ: bool = true;
}

/// Who says which interrupt it is. Asked with NMIs masked, on the CPU that takes it.
pub trait InterruptController: 'static {
    /// Takes the most urgent pending interrupt: it becomes active, and until its [`end`](InterruptController::end) only more
    /// urgent ones follow. The kind is read after that and before the end (C94).
    fn acknowledge<L: Line>() -> Acknowledged;
    /// The same where ordinary interrupts are masked: takes none of them (C95).
    fn acknowledge_nmi<L: Line>() -> Option<u32>;
    /// `interrupt` is over: the last one that was acknowledged on this CPU and has not ended.
    fn end<L: Line>(interrupt: u32);
}

/// A GICv3, by the registers of its CPU interface, where the end also deactivates (ICC_CTLR_EL1.EOImode is clear).
pub struct GicV3<B>(PhantomData<B>);

impl<B: Backend> InterruptController for GicV3<B> {
    #[inline(always)]
    fn acknowledge<L: Line>() -> Acknowledged {
        if is_nmi_next::<B, L>() {
            return real(B::Hardware::icc_nmiar1()).map_or(Acknowledged::Nothing, Acknowledged::Nmi);
        }
        match real(by_line::<B, L>()) {
            None => Acknowledged::Nothing,
            Some(interrupt) if is_nmi_active::<B>() => Acknowledged::Nmi(interrupt),
            Some(interrupt) => Acknowledged::Irq(interrupt),
        }
    }
    #[inline(always)]
    fn acknowledge_nmi<L: Line>() -> Option<u32> {
        real(if matches!(B::NMIS, Nmis::BySuperpriority) { B::Hardware::icc_nmiar1() } else { by_line::<B, L>() })
    }
    #[inline(always)]
    fn end<L: Line>(interrupt: u32) {
        if L::FIQ { B::Hardware::set_icc_eoir0(interrupt.into()) } else { B::Hardware::set_icc_eoir1(interrupt.into()) }
    }
}

#[inline(always)]
fn by_line<B: Backend, L: Line>() -> u64 {
    if L::FIQ { B::Hardware::icc_iar0() } else { B::Hardware::icc_iar1() }
}

/// What comes next has superpriority: another register acknowledges it. Interrupts of group 0 never have.
#[inline(always)]
pub(crate) fn is_nmi_next<B: Backend, L: Line>() -> bool {
    matches!(B::NMIS, Nmis::BySuperpriority) && !L::FIQ && B::Hardware::isr() & crate::hardware::ISR_IS != 0
}

/// What was acknowledged last, and has not ended, has an NMI's priority.
#[inline(always)]
fn is_nmi_active<B: Backend>() -> bool {
    matches!(B::NMIS, Nmis::ByPriority) && B::Hardware::icc_rpr() as u8 == priority::NMI
}

/// None: the number is no interrupt's. 1023: none is pending, or it was withdrawn; the others are not for this Security state or
/// exception level, or have superpriority. GIC architecture specification, IHI 0069, 2.2.1.
#[inline(always)]
fn real(interrupt: u64) -> Option<u32> {
    let interrupt = interrupt as u32;
    (!(1020..=1023).contains(&interrupt)).then_some(interrupt)
}
