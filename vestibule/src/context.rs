//! What may interrupt this CPU now: five nested contexts as types, and three that are one of the five without saying
//! which (`Inherit`) or with a promise on top (`Atomic`, `Hardirq`).

use crate::{Debug, Nmi, NmiLike};

mod sealed {
    pub trait Sealed {}
}
pub(crate) use sealed::Sealed;

/// A context as a value: for the table of classes, checks and the model. Code uses the types.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Nothing masked.
    Process,
    /// Interrupts masked.
    NoIrq,
    /// Non-maskable interrupts masked too.
    NoNmi,
    /// SError masked too.
    Error,
    /// Everything masked.
    Critical,
}

/// What a [`Cpu`](crate::Cpu) token can say.
pub trait Context: Sealed + 'static {
    /// `None`: whatever the interrupted code had.
    const LEVEL: Option<Level>;
}

/// A context known at compile time.
pub trait Fixed: Context {
    /// Its level.
    const FIXED: Level;
}

/// Contexts that a task may sleep in.
#[diagnostic::on_unimplemented(message = "nothing may sleep in `{Self}`", label = "a `Cpu` in `Process` may")]
pub trait MaySleep: Context {}

/// Contexts in which the running code stays on its CPU.
#[diagnostic::on_unimplemented(message = "code in `{Self}` may move to another CPU", label = "preemption is on")]
pub trait Pinned: Context {}

/// Contexts that no interrupt handler can break into: what a lock shared with one asks for.
#[diagnostic::on_unimplemented(message = "an interrupt may come in `{Self}`", label = "mask first: `irqs_off`")]
pub trait IrqsMasked: Pinned {}

/// Contexts that bodies have on whichever stack they came: all but an interrupt's (C108).
pub trait AnyStack: Context {}

/// Contexts whose bodies an exception that counts as `Counts` simply runs. Any other body counts as what its exception does
/// not: an interrupt's, an NMI's in an interrupt, an SError's or a breakpoint's of user mode.
#[diagnostic::on_unimplemented(
    message = "a body in `{Self}` is not simply run in a `{Counts}` exception",
    label = "it counts: `run_hardirq`, `acknowledge`, `run_nmi`, `run_debug`"
)]
pub trait Uncounted<Counts>: Context {}
impl<Counts> Uncounted<Counts> for Process {}
impl<Counts> Uncounted<Counts> for NoIrq {}
impl<Counts> Uncounted<Counts> for Inherit {}
impl Uncounted<Nmi> for NoNmi {}
impl Uncounted<NmiLike> for Error {}
impl Uncounted<NmiLike> for Critical {}
impl Uncounted<Debug> for Error {}
impl Uncounted<Debug> for Critical {}

/// Contexts with interrupts open: where a guard that masks them means something.
#[diagnostic::on_unimplemented(message = "interrupts are not known to be open in `{Self}`")]
pub trait IrqsOpen: Fixed {}

macro_rules! contexts {
    ($($(#[$doc:meta])* $name:ident = $level:ident: $($is:ident)*;)*) => {$(
        $(#[$doc])*
        pub enum $name {}
        impl Sealed for $name {}
        impl Context for $name {
            const LEVEL: Option<Level> = Some(Level::$level);
        }
        impl Fixed for $name {
            const FIXED: Level = Level::$level;
        }
        $(impl $is for $name {})*
    )*};
}

contexts! {
    /// Nothing masked.
    Process = Process: MaySleep IrqsOpen AnyStack;
    /// Nothing masked, and the running code keeps its CPU: preemption off, or a soft interrupt.
    Atomic = Process: Pinned IrqsOpen AnyStack;
    /// Interrupts masked, everything else open: the only context that a task switch is valid in (C28).
    NoIrq = NoIrq: Pinned IrqsMasked AnyStack;
    /// `NoIrq`, in an interrupt's body, on the interrupt stack: nothing switches tasks here.
    Hardirq = NoIrq: Pinned IrqsMasked;
    /// Non-maskable interrupts masked too.
    NoNmi = NoNmi: Pinned IrqsMasked AnyStack;
    /// SError masked too.
    Error = Error: Pinned IrqsMasked AnyStack;
    /// Everything masked, as the hardware leaves it on taking an exception.
    Critical = Critical: Pinned IrqsMasked AnyStack;
}

/// Exactly what was interrupted: a synchronous exception from the kernel is no more open and no less (C6).
pub enum Inherit {}
impl Sealed for Inherit {}
impl AnyStack for Inherit {}
impl Context for Inherit {
    const LEVEL: Option<Level> = None;
}
