//! How an exception counts: what its entry tells whom, what its exit takes back, and in which order.
//!
//! Between the vector and the end of `note`, and from the beginning of `undo` to the return, nobody watches: what runs
//! there is inlined into the port's own text, touches only this CPU's state, and neither locks nor panics.

use crate::context::Sealed;
use crate::hooks::check;
use crate::word::{HARDIRQ, NMI, PREEMPT};
use crate::*;

/// How an exception counts, as a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counts {
    /// From the kernel; its exit may preempt.
    Regular,
    /// From user mode by a system call; its exit runs the work loop.
    Syscall,
    /// From user mode by anything else; its exit runs the work loop.
    User,
    /// It may come in the middle of anything: leaves no trace and never schedules.
    NmiLike,
    /// As NMI-like, of an interrupt: it finds SError and debug exceptions open, and leaves them so.
    Nmi,
    /// As NMI-like, but not an NMI: only preemption is off.
    Debug,
}

/// How an exception counts, as a type.
pub trait Accounting: Sealed + Sized + 'static {
    /// As a value.
    const COUNTS: Counts;
    /// [`Masked`] if the exit prepares, [`Ready`] if not.
    type AfterMask: Stage<Context = Critical>;
    /// What the exit must know of the entry.
    type Noted: Default;
    /// For the steps of an exception.
    fn note<K: Kernel>(cpu: &Cpu<K, Critical>, frame: &mut FrameOf<K>, _: Step<Self>) -> Self::Noted;
    /// For the steps of an exception.
    fn undo<K: Kernel>(cpu: &Cpu<K, Critical>, noted: Self::Noted, irqs_were_on: bool, _: Step<Self>);
}

/// Accounting with something to prepare before the return.
#[diagnostic::on_unimplemented(
    message = "the exit of a `{Self}` exception has nothing to prepare",
    label = "only exceptions that count as `Regular`, `Syscall` or `User` prepare",
    note = "C35: never preempt from the exit of an NMI-like or debug exception"
)]
pub trait Prepares: Accounting<AfterMask = Masked> {
    /// For the steps of an exception.
    fn prepare<P: Port, X: Class>(noted: &Self::Noted, frame: &mut FrameOf<P::Kernel>, _: Step<Self>);
}

/// Accounting of what is no system call: its body is simply run.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` exception's body is not simply run",
    label = "who traces system calls sees it first: `trace_entry`, `call`, `trace_exit`"
)]
pub trait Untraced: Accounting {}
impl Untraced for Regular {}
impl Untraced for User {}
impl Untraced for NmiLike {}
impl Untraced for Nmi {}
impl Untraced for Debug {}

/// Accounting of what comes from user mode.
pub trait FromUser: Sealed + 'static {
    /// By a system call?
    const SYSCALL: bool;
}

macro_rules! accountings {
    ($($(#[$doc:meta])* $name:ident)*) => {$($(#[$doc])* pub enum $name {} impl Sealed for $name {})*};
}
accountings! {
    /// From the kernel; its exit may preempt.
    Regular
    /// From user mode by a system call.
    Syscall
    /// From user mode by anything else.
    User
    /// It may come in the middle of anything.
    NmiLike
    /// As NMI-like, of an interrupt.
    Nmi
    /// As NMI-like, but only preemption is off.
    Debug
}
impl FromUser for Syscall {
    const SYSCALL: bool = true;
}
impl FromUser for User {
    const SYSCALL: bool = false;
}

impl Accounting for Regular {
    const COUNTS: Counts = Counts::Regular;
    type AfterMask = Masked;
    /// The idle task was interrupted.
    type Noted = bool;

    /// The idle task's entry counts whether or not it was watched (C17): otherwise one that nests in it would take
    /// itself for the outermost. Any other was watched, and must not count: a fault may sleep (C18).
    #[inline(always)]
    fn note<K: Kernel>(cpu: &Cpu<K, Critical>, _: &mut FrameOf<K>, _: Step<Self>) -> bool {
        let idle = K::ContextTracking::ON && cpu.task_word().read::<K::Machine>().is_idle();
        // As in `note_unit`: a fault in the body of an NMI may have come just before that.
        if K::IrqTracing::believes_on() {
            K::IrqTracing::off(Step::new());
        }
        if idle {
            K::ContextTracking::irq_enter(Step::new());
        }
        check::<K>(K::ContextTracking::watching, 18, "enter from kernel mode");
        K::IrqTracing::off_finish(Step::new());
        idle
    }

    #[inline(always)]
    fn undo<K: Kernel>(_: &Cpu<K, Critical>, idle: bool, irqs_were_on: bool, _: Step<Self>) {
        if irqs_were_on {
            K::IrqTracing::on_prepare(Step::new());
        }
        if idle {
            K::ContextTracking::irq_exit(Step::new());
        }
        if irqs_were_on {
            K::IrqTracing::on(Step::new());
        }
    }
}

impl<U: FromUser> Accounting for U {
    const COUNTS: Counts = if U::SYSCALL { Counts::Syscall } else { Counts::User };
    type AfterMask = Masked;
    type Noted = ();

    #[inline(always)]
    fn note<K: Kernel>(_: &Cpu<K, Critical>, frame: &mut FrameOf<K>, _: Step<Self>) {
        K::IrqTracing::off(Step::new());
        K::ContextTracking::eqs_exit(Step::new());
        K::IrqTracing::off_finish(Step::new());
        K::Machine::came_by_syscall(frame, U::SYSCALL, Step::new());
    }

    #[inline(always)]
    fn undo<K: Kernel>(_: &Cpu<K, Critical>, (): (), _: bool, _: Step<Self>) {
        K::IrqTracing::on_prepare(Step::new());
        K::ContextTracking::eqs_enter(Step::new());
        K::IrqTracing::on(Step::new());
    }
}

/// What may come in the middle of anything: counts first, because whatever looks at the count next must see it; saves
/// the belief before anything changes it (C77, C81).
#[inline(always)]
pub(crate) fn note_unit<K: Kernel, C: IrqsMasked>(cpu: &Cpu<K, C>, unit: u64) -> bool {
    let believed = K::IrqTracing::believes_on();
    let before = cpu.task_word().add::<K::Machine>(unit);
    check::<K>(|| unit == PREEMPT || !before.nmi_is_full(), 82, "enter NMI");
    // Believed off, it may be just about to be believed on: between the two stages of that, nothing changes (C76).
    if believed {
        K::IrqTracing::off(Step::new());
    }
    K::ContextTracking::irq_enter(Step::new());
    K::IrqTracing::off_finish(Step::new());
    believed
}

#[inline(always)]
pub(crate) fn undo_unit<K: Kernel, C: IrqsMasked>(cpu: &Cpu<K, C>, believed: bool, unit: u64) {
    if believed {
        K::IrqTracing::on_prepare(Step::new());
    }
    K::ContextTracking::irq_exit(Step::new());
    if believed {
        K::IrqTracing::on(Step::new());
    }
    cpu.task_word().sub::<K::Machine>(unit);
}

/// An NMI counts as a hardirq too.
pub(crate) const AS_NMI: u64 = NMI + HARDIRQ;

macro_rules! counts_unit {
    ($($name:ident = $unit:expr;)*) => {$(
        impl Accounting for $name {
            const COUNTS: Counts = Counts::$name;
            type AfterMask = Ready;
            /// What tracing believed of interrupts.
            type Noted = bool;
            #[inline(always)]
            fn note<K: Kernel>(cpu: &Cpu<K, Critical>, _: &mut FrameOf<K>, _: Step<Self>) -> bool {
                note_unit(cpu, $unit)
            }
            #[inline(always)]
            fn undo<K: Kernel>(cpu: &Cpu<K, Critical>, noted: bool, _: bool, _: Step<Self>) {
                undo_unit(cpu, noted, $unit);
            }
        }
    )*};
}
counts_unit! {
    NmiLike = AS_NMI;
    Nmi = AS_NMI;
    Debug = PREEMPT;
}
