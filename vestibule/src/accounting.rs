//! How an exception counts: what its entry tells whom, what its exit takes back, and in which order.
//!
//! Between the vector and the end of `note`, and from the beginning of `undo` to the return, nobody watches: what runs
//! there is inlined into the port's own text, touches only this CPU's state, and neither locks nor panics.

use crate::context::Sealed;
use crate::hooks::check;
use crate::word::{HARDIRQ, NMI, PREEMPT};
use crate::{
    Class, ContextTracking, Cpu, Critical, FrameOf, IrqTracing, IrqsMasked, Kernel, Machine, Masked, Port, Ready, Stage,
    Step,
};

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
    /// As NMI-like, but not an NMI: only preemption is off.
    Debug,
}

/// How an exception counts, as a type.
pub trait Accounting: Sealed + 'static {
    /// As a value.
    const COUNTS: Counts;
    /// Is there anything to do before its return?
    const PREPARES: bool;
    /// [`Masked`] if the exit prepares, [`Ready`] if not.
    type AfterMask: Stage<Context = Critical>;
    /// What the exit must know of the entry.
    type Noted;
    #[doc(hidden)]
    fn note<K: Kernel>(cpu: &Cpu<K, Critical>, frame: &mut FrameOf<K>, _: Step) -> Self::Noted;
    #[doc(hidden)]
    fn undo<K: Kernel>(cpu: &Cpu<K, Critical>, noted: Self::Noted, irqs_were_on: bool, _: Step);
}

/// Accounting with something to prepare before the return.
#[diagnostic::on_unimplemented(
    message = "the exit of a `{Self}` exception has nothing to prepare",
    label = "only exceptions that count as `Regular`, `Syscall` or `User` prepare",
    note = "C35: never preempt from the exit of an NMI-like or debug exception"
)]
pub trait Prepares: Accounting<AfterMask = Masked> {
    #[doc(hidden)]
    fn prepare<P: Port, X: Class>(
        cpu: Cpu<P::Kernel, Critical>,
        noted: &Self::Noted,
        frame: &mut FrameOf<P::Kernel>,
        _: Step,
    ) -> Cpu<P::Kernel, Critical>;
}

/// Accounting of what comes from user mode.
pub trait FromUser: Sealed + 'static {
    /// By a system call?
    const SYSCALL: bool;
}

macro_rules! accountings {
    ($($(#[$doc:meta])* $name:ident)*) => {$($(#[$doc])* #[derive(Debug)] pub enum $name {} impl Sealed for $name {})*};
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
    /// As NMI-like, but only preemption is off.
    Debug
}
impl FromUser for Syscall {
    const SYSCALL: bool = true;
}
impl FromUser for User {
    const SYSCALL: bool = false;
}

/// The idle task was interrupted.
#[derive(Debug)]
pub struct FromIdle(pub(crate) bool);
/// What tracing believed of interrupts.
#[derive(Debug)]
pub struct BelievedOn(bool);

impl Accounting for Regular {
    const COUNTS: Counts = Counts::Regular;
    const PREPARES: bool = true;
    type AfterMask = Masked;
    type Noted = FromIdle;

    /// The idle task's entry counts whether or not it was watched (C17): otherwise one that nests in it would take
    /// itself for the outermost. Any other was watched, and must not count: a fault may sleep (C18).
    #[inline(always)]
    fn note<K: Kernel>(cpu: &Cpu<K, Critical>, _: &mut FrameOf<K>, _: Step) -> FromIdle {
        let idle = K::ContextTracking::ON && cpu.task_word().read::<K::Machine>().is_idle();
        K::IrqTracing::off();
        if idle {
            K::ContextTracking::irq_enter();
        }
        check::<K>(K::ContextTracking::watching, 18, "enter from kernel mode");
        K::IrqTracing::off_finish();
        FromIdle(idle)
    }

    #[inline(always)]
    fn undo<K: Kernel>(_: &Cpu<K, Critical>, FromIdle(idle): FromIdle, irqs_were_on: bool, _: Step) {
        if irqs_were_on {
            K::IrqTracing::on_prepare();
        }
        if idle {
            K::ContextTracking::irq_exit();
        }
        if irqs_were_on {
            K::IrqTracing::on();
        }
    }
}

impl<U: FromUser> Accounting for U {
    const COUNTS: Counts = if U::SYSCALL { Counts::Syscall } else { Counts::User };
    const PREPARES: bool = true;
    type AfterMask = Masked;
    type Noted = ();

    #[inline(always)]
    fn note<K: Kernel>(_: &Cpu<K, Critical>, frame: &mut FrameOf<K>, _: Step) {
        K::IrqTracing::off();
        K::ContextTracking::user_exit();
        K::IrqTracing::off_finish();
        K::Machine::came_by_syscall(frame, U::SYSCALL, Step::new());
    }

    #[inline(always)]
    fn undo<K: Kernel>(_: &Cpu<K, Critical>, (): (), _: bool, _: Step) {
        K::IrqTracing::on_prepare();
        K::ContextTracking::user_enter();
        K::IrqTracing::on();
    }
}

/// Common to NMI-like and debug exceptions: count first, because whatever looks at the count next must see it; save
/// the belief before anything changes it (C77, C81).
#[inline(always)]
fn note_as<K: Kernel, C: IrqsMasked>(cpu: &Cpu<K, C>, unit: u64) -> BelievedOn {
    let believed = K::IrqTracing::believes_on();
    let before = cpu.task_word().add::<K::Machine>(unit);
    check::<K>(|| unit == PREEMPT || !before.nmi_is_full(), 82, "enter NMI");
    // Believed off, it may be just about to be believed on: between the two stages of that, nothing changes (C76).
    if believed {
        K::IrqTracing::off();
    }
    K::ContextTracking::nmi_enter();
    K::IrqTracing::off_finish();
    BelievedOn(believed)
}

#[inline(always)]
fn undo_as<K: Kernel, C: IrqsMasked>(cpu: &Cpu<K, C>, BelievedOn(believed): BelievedOn, unit: u64) {
    if believed {
        K::IrqTracing::on_prepare();
    }
    K::ContextTracking::nmi_exit();
    if believed {
        K::IrqTracing::on();
    }
    cpu.task_word().sub::<K::Machine>(unit);
}

const AS_NMI: u64 = NMI + HARDIRQ;

#[inline(always)]
pub(crate) fn note_nmi<K: Kernel, C: IrqsMasked>(cpu: &Cpu<K, C>) -> BelievedOn {
    note_as::<K, C>(cpu, AS_NMI)
}

#[inline(always)]
pub(crate) fn undo_nmi<K: Kernel, C: IrqsMasked>(cpu: &Cpu<K, C>, noted: BelievedOn) {
    undo_as::<K, C>(cpu, noted, AS_NMI);
}

impl Accounting for NmiLike {
    const COUNTS: Counts = Counts::NmiLike;
    const PREPARES: bool = false;
    type AfterMask = Ready;
    type Noted = BelievedOn;

    #[inline(always)]
    fn note<K: Kernel>(cpu: &Cpu<K, Critical>, _: &mut FrameOf<K>, _: Step) -> BelievedOn {
        note_nmi(cpu)
    }

    #[inline(always)]
    fn undo<K: Kernel>(cpu: &Cpu<K, Critical>, noted: BelievedOn, _: bool, _: Step) {
        undo_nmi(cpu, noted);
    }
}

impl Accounting for Debug {
    const COUNTS: Counts = Counts::Debug;
    const PREPARES: bool = false;
    type AfterMask = Ready;
    type Noted = BelievedOn;

    #[inline(always)]
    fn note<K: Kernel>(cpu: &Cpu<K, Critical>, _: &mut FrameOf<K>, _: Step) -> BelievedOn {
        note_as(cpu, PREEMPT)
    }

    #[inline(always)]
    fn undo<K: Kernel>(cpu: &Cpu<K, Critical>, noted: BelievedOn, _: bool, _: Step) {
        undo_as(cpu, noted, PREEMPT);
    }
}
