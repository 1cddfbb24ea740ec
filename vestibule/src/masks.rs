//! Opening a body's context and closing it again, with interrupt tracing told at the right moment: "on" before the
//! hardware opens (C23), "off" after it has closed. Who calls these changes the token's type with them.

use crate::*;

/// Contexts that a body can be opened to.
pub trait Opens: Context + Sized {
    /// For the steps of an exception.
    fn open<P: Port>(frame: &FrameOf<P::Kernel>, _: Step<Self>);
    /// For the steps of an exception.
    fn close<P: Port>(frame: &FrameOf<P::Kernel>, _: Step<Self>);
}

impl Opens for Inherit {
    #[inline(always)]
    fn open<P: Port>(frame: &FrameOf<P::Kernel>, _: Step<Self>) {
        if traced_irqs_were_on::<P::Kernel>(frame) {
            trace_on::<P::Kernel>();
        }
        P::Masks::inherit(frame, Step::new());
    }

    #[inline(always)]
    fn close<P: Port>(frame: &FrameOf<P::Kernel>, _: Step<Self>) {
        P::Masks::mask::<Inherit>(Step::new());
        if traced_irqs_were_on::<P::Kernel>(frame) {
            trace_off::<P::Kernel>();
        }
    }
}

impl<C: Fixed> Opens for C {
    #[inline(always)]
    fn open<P: Port>(_: &FrameOf<P::Kernel>, _: Step<Self>) {
        lower::<P, Critical, C>();
    }

    #[inline(always)]
    fn close<P: Port>(_: &FrameOf<P::Kernel>, _: Step<Self>) {
        mask::<P, C>();
    }
}

/// To a more open context.
#[inline(always)]
pub(crate) fn lower<P: Port, From: Fixed, To: Fixed>() {
    const { assert!(To::FIXED as u8 <= From::FIXED as u8, "`lower` opens, it never closes") };
    if matches!(To::FIXED, Level::Process) && !matches!(From::FIXED, Level::Process) {
        trace_on::<P::Kernel>();
    }
    if const { From::FIXED as u8 != To::FIXED as u8 } {
        P::Masks::lower::<From, To>(Step::new());
    }
}

/// To `Critical`, all at once.
#[inline(always)]
pub(crate) fn mask<P: Port, From: Fixed>() {
    if !matches!(From::FIXED, Level::Critical) {
        P::Masks::mask::<From>(Step::new());
    }
    if matches!(From::FIXED, Level::Process) {
        trace_off::<P::Kernel>();
    }
}

#[inline(always)]
pub(crate) fn trace_on<K: Kernel>() {
    K::IrqTracing::on_prepare(Step::new());
    K::IrqTracing::on(Step::new());
}

#[inline(always)]
pub(crate) fn trace_off<K: Kernel>() {
    K::IrqTracing::off(Step::new());
    K::IrqTracing::off_finish(Step::new());
}
