//! The interrupt controller, as an interrupt's handler meets it: which interrupt is it, and it is over. What is set up
//! before any comes, distributor and routing, is the kernel's.

use crate::Hardware;
use core::marker::PhantomData;

/// Who says which interrupt it is. Asked with interrupts masked, on the CPU that takes it.
pub trait InterruptController: 'static {
    /// Takes the most urgent pending interrupt: it becomes active, and until its [`end`](InterruptController::end) only more
    /// urgent ones follow. None if there is none, or none any more.
    fn acknowledge() -> Option<u32>;
    /// `interrupt` is over: the last one that was acknowledged on this CPU and has not ended.
    fn end(interrupt: u32);
}

/// A GICv3, by the registers of its CPU interface: interrupts of group 1, whose end also deactivates them
/// (ICC_CTLR_EL1.EOImode is clear).
pub struct GicV3<H>(PhantomData<H>);

impl<H: Hardware> InterruptController for GicV3<H> {
    #[inline(always)]
    fn acknowledge() -> Option<u32> {
        let interrupt = H::icc_iar1() as u32;
        (!SPECIAL.contains(&interrupt)).then_some(interrupt)
    }
    #[inline(always)]
    fn end(interrupt: u32) {
        H::set_icc_eoir1(interrupt.into());
    }
}

/// Numbers that are no interrupt's. 1023: none is pending, or it was withdrawn; the others are not for this Security
/// state or exception level. GIC architecture specification, IHI 0069, 2.2.1.
const SPECIAL: core::ops::RangeInclusive<u32> = 1020..=1023;
