//! Opening a body's context and closing it again, with interrupt tracing told at the right moment.

use crate::{Context, Cpu, Critical, Fixed, FrameOf, Inherit, IrqTracing, Kernel, Level, Machine, Masks, Port, Step};

/// Contexts that a body can be opened to.
pub trait Opens: Context {
    #[doc(hidden)]
    fn open<P: Port>(cpu: Cpu<P::Kernel, Critical>, frame: &FrameOf<P::Kernel>) -> Cpu<P::Kernel, Self>
    where
        Self: Sized;
    #[doc(hidden)]
    fn close<P: Port>(cpu: Cpu<P::Kernel, Self>, frame: &FrameOf<P::Kernel>) -> Cpu<P::Kernel, Critical>
    where
        Self: Sized;
}

/// Tracing hears "on" before the hardware opens (C23), and "off" after it has closed.
impl Opens for Inherit {
    #[inline(always)]
    fn open<P: Port>(cpu: Cpu<P::Kernel, Critical>, frame: &FrameOf<P::Kernel>) -> Cpu<P::Kernel, Inherit> {
        if <P::Kernel as Kernel>::Machine::irqs_were_on(frame) {
            trace_on::<P::Kernel>();
        }
        P::Masks::inherit(frame, Step::new());
        cpu.becomes()
    }

    #[inline(always)]
    fn close<P: Port>(cpu: Cpu<P::Kernel, Inherit>, frame: &FrameOf<P::Kernel>) -> Cpu<P::Kernel, Critical> {
        P::Masks::mask::<Inherit>(Step::new());
        if <P::Kernel as Kernel>::Machine::irqs_were_on(frame) {
            trace_off::<P::Kernel>();
        }
        cpu.becomes()
    }
}

impl<C: Fixed> Opens for C {
    #[inline(always)]
    fn open<P: Port>(cpu: Cpu<P::Kernel, Critical>, _: &FrameOf<P::Kernel>) -> Cpu<P::Kernel, C> {
        lower::<P, Critical, C>(cpu)
    }

    #[inline(always)]
    fn close<P: Port>(cpu: Cpu<P::Kernel, C>, _: &FrameOf<P::Kernel>) -> Cpu<P::Kernel, Critical> {
        mask::<P, C>(cpu)
    }
}

/// Token and hardware to a more open context.
#[inline(always)]
pub(crate) fn lower<P: Port, From: Fixed, To: Fixed>(cpu: Cpu<P::Kernel, From>) -> Cpu<P::Kernel, To> {
    const { assert!(To::FIXED as u8 <= From::FIXED as u8, "`lower` opens, it never closes") };
    if matches!(To::FIXED, Level::Process) && !matches!(From::FIXED, Level::Process) {
        trace_on::<P::Kernel>();
    }
    if const { From::FIXED as u8 != To::FIXED as u8 } {
        P::Masks::lower::<From, To>(Step::new());
    }
    cpu.becomes()
}

/// Token and hardware to `Critical`, all at once.
#[inline(always)]
pub(crate) fn mask<P: Port, From: Fixed>(cpu: Cpu<P::Kernel, From>) -> Cpu<P::Kernel, Critical> {
    if !matches!(From::FIXED, Level::Critical) {
        P::Masks::mask::<From>(Step::new());
    }
    if matches!(From::FIXED, Level::Process) {
        trace_off::<P::Kernel>();
    }
    cpu.becomes()
}

#[inline(always)]
fn trace_on<K: Kernel>() {
    K::IrqTracing::on_prepare();
    K::IrqTracing::on();
}

#[inline(always)]
fn trace_off<K: Kernel>() {
    K::IrqTracing::off();
    K::IrqTracing::off_finish();
}
