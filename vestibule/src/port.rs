//! What a port supplies. Everything that an exception could fall between is one call of [`Machine`] or [`Masks`]:
//! on the CPU each is an instruction or two, on a simulated CPU each is a point where something may happen.

use crate::{Context, CpuState, Fixed, IrqTracing, Kernel, Level, TaskWord};
use core::marker::PhantomData;
use core::sync::atomic::AtomicU64;

/// The CPU as the generic half and the bodies see it. Code outside exceptions asks for contexts and moves between them too, so
/// a machine is of one backend, as the [`Masks`] of its port.
///
/// Associated functions without `self`: an access always means the CPU that executes it, before and after a migration.
pub trait Machine: 'static {
    /// The port's private word: only who can make one can claim a token.
    type Key;
    /// What the vector saved of the interrupted code.
    type Frame;

    /// The context this CPU is in, decoded from its masks; what is none of the five is rounded to the stricter.
    fn level() -> Level;
    /// What [`level`](Machine::level) says in the context `of`: another, where this port masks the same in both.
    fn level_in(of: Level) -> Level;
    /// `Process` to `NoIrq`. A compiler barrier.
    fn irqs_off(_: Step<Self>);
    /// `NoIrq` to `Process`. A compiler barrier.
    fn irqs_on(_: Step<Self>);
    /// `Process` to `NoNmi`. A compiler barrier.
    fn nmis_off(_: Step<Self>);
    /// `NoNmi` to `Process`. A compiler barrier.
    fn nmis_on(_: Step<Self>);
    /// Waits until an interrupt is pending, which `NoNmi` masks but does not hide from the wait (C70). Before and after: `NoNmi`.
    fn wait_for_interrupt(_: Step<Self>);
    /// Calls `f`, in which nobody watches, where no ordinary code is (C69). Before and after: `NoNmi`.
    #[inline(always)]
    fn unwatched(f: impl FnOnce(), _: Step<Self>) {
        f();
    }

    /// The context of the interrupted code, decoded as [`level`](Machine::level) does. Before: the masks are as its exception left
    /// them, or inherited; in an ordinary interrupt's body, which has others, ask nothing: it interrupted `Process`.
    fn interrupted(frame: &Self::Frame) -> Level;
    /// Tells the frame whether user mode entered by a system call (C115).
    fn came_by_syscall(frame: &mut Self::Frame, syscall: bool, _: Step<Self>);

    /// The current task's word. The caller keeps it no longer than its token.
    fn task_word(_: Step<Self>) -> &'static TaskWord;
    /// This CPU's tracking state. The caller keeps it no longer than its token.
    fn cpu_state(_: Step<Self>) -> &'static CpuState;
    /// Runs on the current task's own stack?
    fn on_task_stack() -> bool;
    /// Calls `f` on this CPU's interrupt stack, if it runs on the task's now (C108): `from_user` says that it does. Before
    /// and after: `Critical`, so that nothing comes between the halves of the switch (C109). Without such a stack: calls `f`.
    #[inline(always)]
    fn on_irq_stack(f: impl FnOnce(), _from_user: bool, _: Step<Self>) {
        f();
    }

    /// One read of memory that another CPU, or an exception here, may change.
    fn load(cell: &AtomicU64) -> u64;
    /// One write of memory that only this CPU writes.
    fn store(cell: &AtomicU64, value: u64);
    /// One atomic addition; gives what was.
    fn add(cell: &AtomicU64, value: u64) -> u64;
    /// The same, ordered after everything before it and before everything after it.
    fn add_ordered(cell: &AtomicU64, value: u64) -> u64;
    /// Sets bits atomically; what was written before is seen by whoever sees them.
    fn set(cell: &AtomicU64, bits: u64);
    /// Clears bits atomically; what whoever set them wrote before is seen after.
    fn clear(cell: &AtomicU64, bits: u64);
}

/// The interrupted code had interrupts open. The only definition (C99).
pub(crate) fn irqs_were_on<K: Kernel>(frame: &FrameOf<K>) -> bool {
    matches!(K::Machine::interrupted(frame), Level::Process)
}

/// It had, and somebody is told of it.
pub(crate) fn traced_irqs_were_on<K: Kernel>(frame: &FrameOf<K>) -> bool {
    K::IrqTracing::ON && irqs_were_on::<K>(frame)
}

/// The machine of a port's kernel.
pub(crate) type MachineOf<P> = <<P as Port>::Kernel as Kernel>::Machine;
/// The kernel's port's key.
pub type KeyOf<K> = <<K as Kernel>::Machine as Machine>::Key;
/// The kernel's port's frame.
pub type FrameOf<K> = <<K as Kernel>::Machine as Machine>::Frame;

/// A backend: how contexts lie on the hardware. Every one of these is a compiler barrier.
pub trait Masks: 'static {
    /// The port's frame.
    type Frame;
    /// `From` down to `To`: only the bits that differ.
    fn lower<From: Fixed, To: Fixed>(_: Step<Self>);
    /// `Critical` down to what was interrupted.
    fn inherit(frame: &Self::Frame, _: Step<Self>);
    /// `From` up to `Critical`. From `Inherit`: from anything.
    fn mask<From: Context>(_: Step<Self>);
}

/// The generic half's private word to `T`: masks, stacks and tokens move only together, and only in this crate. One that
/// is handed to a kernel's own type is of no use to another.
pub struct Step<T: ?Sized>(PhantomData<*const T>);

impl<T: ?Sized> Step<T> {
    pub(crate) const fn new() -> Step<T> {
        Step(PhantomData)
    }
}

/// One kernel on one backend: what handlers are compiled for. Each has its own vector table.
pub trait Port: Sized + 'static {
    /// The kernel.
    type Kernel: Kernel;
    /// The backend.
    type Masks: Masks<Frame = FrameOf<Self::Kernel>>;
}
