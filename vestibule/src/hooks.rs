//! What a kernel supplies. Each concern is a trait whose methods belong together and have no defaults, so that half a
//! pair does not compile; `()` is each of them, doing nothing and costing nothing.

use crate::{Atomic, Context, Cpu, Flags, FrameOf, Machine, NoIrq, Process, Step};
use core::marker::PhantomData;

/// One kernel: the machine it runs on, and who answers for each concern.
pub trait Kernel: Sized + 'static {
    /// The port's half of the CPU.
    type Machine: Machine;
    /// Who runs next.
    type Scheduler: Scheduler<Self>;
    /// RCU and its kind.
    type ContextTracking: ContextTracking<Self>;
    /// Interrupt state as tracing and lock checking see it.
    type IrqTracing: IrqTracing<Self>;
    /// What runs on the way back to user mode.
    type UserWork: UserWork<Self>;
    /// Who looks at system calls before and after them.
    type SyscallWork: SyscallWork<Self>;
    /// What runs when the last interrupt handler is done.
    type Softirqs: Softirqs<Self>;
    /// Whether each promise is held against the hardware as the code runs, and who hears of a broken one.
    type Checks: Checks;
}

/// Why a task gives its CPU to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The task sleeps or yields.
    Asked,
    /// Preempted on the way out of an exception of this class, back to the kernel.
    KernelExit(&'static str),
    /// On the way back to user mode.
    UserExit,
    /// Preempted where preemption was switched on again.
    PreemptionEnabled,
}

/// What the scheduler is entered with. Only this crate makes one, so nobody else enters the scheduler: a body that holds
/// a `NoIrq` token does not switch tasks behind its exception's back.
pub struct Cause<K>(Why, PhantomData<*mut K>);

impl<K> Cause<K> {
    pub(crate) const fn new(why: Why) -> Cause<K> {
        Cause(why, PhantomData)
    }

    /// Which it is.
    pub const fn why(&self) -> Why {
        self.0
    }
}

/// The scheduler.
#[diagnostic::on_unimplemented(message = "`{Self}` does not schedule for `{K}`", note = "`()` never switches tasks")]
pub trait Scheduler<K: Kernel> {
    /// Clears the current task's reschedule flags and runs others; comes back when this task runs again, perhaps on
    /// another CPU. Before and after: interrupts masked, everything else open.
    fn schedule(cpu: Cpu<K, NoIrq>, cause: Cause<K>) -> Cpu<K, NoIrq>;
}

/// Whether somebody (RCU) must know that this CPU runs kernel code. Implemented by [`Tracked`](crate::Tracked), and by
/// `()` for a kernel that wants none. "EQS" is RCU's extended quiescent state.
///
/// Every call comes with interrupts masked (C68) and must be callable from code that nothing watches yet: no calls into
/// instrumented code, no locks, no panics.
pub trait ContextTracking<K: Kernel> {
    /// Nothing here does anything if `false`; the exits need not ask where they came from.
    const ON: bool;
    /// This CPU is watched.
    fn watching() -> bool;
    /// Into the kernel, from user mode or the idle task's wait. Before: not watching. After: watching.
    fn eqs_exit(_: Step<Self>);
    /// Out of the kernel, to user mode or the idle task's wait. Before: watching. After: not.
    fn eqs_enter(_: Step<Self>);
    /// An exception came in the idle task, or an NMI-like one in anything; watched or not. After: watching.
    fn irq_enter(_: Step<Self>);
    /// Its end. After: watching only if it was before.
    fn irq_exit(_: Step<Self>);
}

/// Interrupt state as tracing and lock checking believe it. Two stages each way, because only the inner ones
/// (`off_finish`, `on_prepare`) may be instrumented, and so need context tracking (C16, C43).
pub trait IrqTracing<K: Kernel> {
    /// Nothing here does anything if `false`; the exits need not ask what was interrupted.
    const ON: bool;
    /// Interrupts are masked. Before: they are, in hardware.
    fn off(_: Step<Self>);
    /// Tell the tracers. Before: watching.
    fn off_finish(_: Step<Self>);
    /// Tell the tracers that interrupts will be on. Before: watching, still masked.
    fn on_prepare(_: Step<Self>);
    /// Believe it. Before: still masked.
    fn on(_: Step<Self>);
    /// What is believed now: an exception that comes in the middle of anything saves it and restores exactly that (C77).
    fn believes_on() -> bool;
}

/// What runs, with everything open, between an exception's body and the return to user mode.
///
/// The flags that ask for it are in the [task word](crate::TaskWord) and are cleared here, before the work is done.
pub trait UserWork<K: Kernel> {
    /// A signal: changes `frame` to enter the handler, or ends the task.
    fn signal(cpu: Cpu<K, Process>, frame: &mut FrameOf<K>) -> Cpu<K, Process>;
    /// Anything that asked to be told.
    fn notify_resume(cpu: Cpu<K, Process>, frame: &mut FrameOf<K>) -> Cpu<K, Process>;
    /// The architecture's and the kernel's own flags.
    fn other(cpu: Cpu<K, Process>, frame: &mut FrameOf<K>) -> Cpu<K, Process>;
}

/// What becomes of a system call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    /// It is made, as the frame has it now.
    Make,
    /// It is not; its result is what the frame has for one.
    Skip,
}

/// Who looks at system calls before they are made and when they are over: tracers, filters, audit. Asked only about tasks whose
/// word has [`Flags::SYSCALL_ENTRY`] or [`Flags::SYSCALL_EXIT`]; everything is open, and it may sleep.
pub trait SyscallWork<K: Kernel> {
    /// Neither flag is looked at if `false`.
    const ON: bool;
    /// Before the call: may change its number, its arguments and, of one that it keeps from being made, the result.
    /// In this order: dispatch to user mode, tracer, filter, tracing, audit (C64).
    fn entry(cpu: Cpu<K, Process>, frame: &mut FrameOf<K>) -> (Cpu<K, Process>, Call);
    /// After it, made or not: audit, tracing, tracer. Signals come later.
    fn exit(cpu: Cpu<K, Process>, frame: &mut FrameOf<K>) -> Cpu<K, Process>;
}

/// Soft interrupts: what handlers leave to be done with interrupts on.
pub trait Softirqs<K: Kernel> {
    /// Is there any on this CPU?
    fn pending(cpu: &Cpu<K, NoIrq>) -> bool;
    /// Runs what is pending. Interrupts are on; nothing here may sleep, or leave this CPU.
    fn run(cpu: Cpu<K, Atomic>) -> Cpu<K, Atomic>;
}

/// A rule that did not hold: its number in `docs/constraints.md`, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Broken {
    /// `C28` is 28.
    pub constraint: u16,
    /// Where it was looked at: a class's name, or a step's.
    pub at: &'static str,
}

/// Run-time checks. `()` compiles them out.
pub trait Checks {
    /// Compiled in?
    const ON: bool;
    /// The current task takes nothing along to user mode that it should have given back: no lock is held (C56). Asked when its
    /// work is done, everything masked.
    fn holds_nothing() -> bool;
    /// Hears of a broken rule. May stop the machine; if it returns, the exception goes on.
    fn broken(what: Broken);
}

#[inline(always)]
pub(crate) fn check<K: Kernel>(holds: impl FnOnce() -> bool, constraint: u16, at: &'static str) {
    if K::Checks::ON && !holds() {
        core::hint::cold_path();
        K::Checks::broken(Broken { constraint, at });
    }
}

/// The hardware is in context `C` (an inherited one is checked elsewhere, against the frame).
#[inline(always)]
pub(crate) fn check_context<K: Kernel, C: Context>(constraint: u16, at: &'static str) {
    check::<K>(|| C::LEVEL.is_none_or(|level| K::Machine::level_in(level) == K::Machine::level()), constraint, at);
}

/// The scheduler, for a task that nothing keeps from it (C116), and back in the masks that it went in (C13).
pub(crate) fn reschedule<K: Kernel>(why: Why) {
    let cpu = Cpu::<K, NoIrq>::assume(Step::new());
    check::<K>(|| cpu.task_word().counts() == 0, 116, "schedule");
    let _back = K::Scheduler::schedule(cpu, Cause::new(why));
    check_context::<K, NoIrq>(13, "schedule");
}

impl<K: Kernel> Scheduler<K> for () {
    fn schedule(cpu: Cpu<K, NoIrq>, _: Cause<K>) -> Cpu<K, NoIrq> {
        cpu.task_word().clear::<K::Machine>(Flags::RESCHED.and(Flags::RESCHED_LAZY));
        cpu
    }
}

impl<K: Kernel> ContextTracking<K> for () {
    const ON: bool = false;
    fn watching() -> bool {
        true
    }
    fn eqs_exit(_: Step<Self>) {}
    fn eqs_enter(_: Step<Self>) {}
    fn irq_enter(_: Step<Self>) {}
    fn irq_exit(_: Step<Self>) {}
}

impl<K: Kernel> IrqTracing<K> for () {
    const ON: bool = false;
    fn off(_: Step<Self>) {}
    fn off_finish(_: Step<Self>) {}
    fn on_prepare(_: Step<Self>) {}
    fn on(_: Step<Self>) {}
    fn believes_on() -> bool {
        false
    }
}

impl<K: Kernel> UserWork<K> for () {
    fn signal(cpu: Cpu<K, Process>, _: &mut FrameOf<K>) -> Cpu<K, Process> {
        cpu.task_word().clear::<K::Machine>(Flags::SIGNAL);
        cpu
    }
    fn notify_resume(cpu: Cpu<K, Process>, _: &mut FrameOf<K>) -> Cpu<K, Process> {
        cpu.task_word().clear::<K::Machine>(Flags::NOTIFY_RESUME);
        cpu
    }
    fn other(cpu: Cpu<K, Process>, _: &mut FrameOf<K>) -> Cpu<K, Process> {
        cpu.task_word().clear::<K::Machine>(Flags::OTHER);
        cpu
    }
}

impl<K: Kernel> SyscallWork<K> for () {
    const ON: bool = false;
    fn entry(cpu: Cpu<K, Process>, _: &mut FrameOf<K>) -> (Cpu<K, Process>, Call) {
        (cpu, Call::Make)
    }
    fn exit(cpu: Cpu<K, Process>, _: &mut FrameOf<K>) -> Cpu<K, Process> {
        cpu
    }
}

impl<K: Kernel> Softirqs<K> for () {
    fn pending(_: &Cpu<K, NoIrq>) -> bool {
        false
    }
    fn run(cpu: Cpu<K, Atomic>) -> Cpu<K, Atomic> {
        cpu
    }
}

impl Checks for () {
    const ON: bool = false;
    fn holds_nothing() -> bool {
        true
    }
    fn broken(_: Broken) {}
}
