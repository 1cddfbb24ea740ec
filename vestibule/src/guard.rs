//! Guards that a body takes from its token, and the one way to give the CPU away from inside a body.

use crate::hooks::reschedule;
use crate::*;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

impl<K: Kernel, C: IrqsOpen> Cpu<K, C> {
    /// Masks interrupts while the guard lives. After: `NoIrq`, through the guard.
    pub fn irqs_off(&mut self) -> IrqsOff<'_, K, C> {
        mask_irqs::<K>();
        Guard { cpu: Cpu::assume(Step::new()), outer: PhantomData }
    }
}

impl<K: Kernel> Cpu<K, Process> {
    /// Keeps this task on this CPU while the guard lives. After: `Atomic`, through the guard.
    pub fn preempt_off(&mut self) -> PreemptOff<'_, K> {
        self.task_word().add::<K::Machine>(PREEMPT);
        Guard { cpu: Cpu::assume(Step::new()), outer: PhantomData }
    }
}

impl<K: Kernel, C: Context> Cpu<K, C> {
    /// Lets other tasks run: a task that sleeps or yields. Before and after: nothing masked; maybe another CPU.
    pub fn schedule(&mut self)
    where
        C: MaySleep,
    {
        mask_irqs::<K>();
        reschedule::<K>(Why::Asked);
        open_irqs::<K>();
    }
}

/// Interrupts are masked while this lives.
pub type IrqsOff<'a, K, C> = Guard<'a, K, C, NoIrq>;
/// This task stays on this CPU while this lives.
pub type PreemptOff<'a, K> = Guard<'a, K, Process, Atomic>;

/// `Inner` holds while this lives, `Outer` again when it goes.
#[must_use = "what it guards ends when this goes"]
pub struct Guard<'a, K: Kernel, Outer: IrqsOpen, Inner: Guards> {
    cpu: Cpu<K, Inner>,
    outer: PhantomData<&'a mut Cpu<K, Outer>>,
}

/// Contexts that guards stand for.
pub trait Guards: Context + Sized {
    /// For the steps of an exception.
    fn end<K: Kernel>(_: Step<Self>);
}

impl Guards for NoIrq {
    fn end<K: Kernel>(_: Step<Self>) {
        open_irqs::<K>();
    }
}

impl Guards for Atomic {
    /// What was asked while preemption was off is done now (C38).
    fn end<K: Kernel>(_: Step<Self>) {
        let left = Cpu::<K, Atomic>::assume(Step::new()).task_word().sub::<K::Machine>(PREEMPT);
        // Inside `IrqsSaved` it waits for the next interrupt's exit.
        if left.wants_preemption() && matches!(K::Machine::level(), Level::Process) {
            core::hint::cold_path();
            preempt_now::<K>();
        }
    }
}

fn preempt_now<K: Kernel>() {
    mask_irqs::<K>();
    while Cpu::<K, NoIrq>::assume(Step::new()).task_word().read::<K::Machine>().wants_preemption() {
        reschedule::<K>(Why::PreemptionEnabled);
    }
    open_irqs::<K>();
}

impl<K: Kernel, Outer: IrqsOpen, Inner: Guards> Deref for Guard<'_, K, Outer, Inner> {
    type Target = Cpu<K, Inner>;
    fn deref(&self) -> &Self::Target {
        &self.cpu
    }
}

impl<K: Kernel, Outer: IrqsOpen, Inner: Guards> DerefMut for Guard<'_, K, Outer, Inner> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.cpu
    }
}

impl<K: Kernel, Outer: IrqsOpen, Inner: Guards> Drop for Guard<'_, K, Outer, Inner> {
    fn drop(&mut self) {
        Inner::end::<K>(Step::new());
    }
}
