//! Guards that a body takes from its token, and the one way to give the CPU away from inside a body.

use crate::cpu::{mask_irqs, open_irqs};
use crate::word::PREEMPT;
use crate::{Atomic, Cause, Cpu, IrqsOpen, Kernel, MaySleep, NoIrq, Process, Scheduler, Step};
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

impl<K: Kernel, C: IrqsOpen> Cpu<K, C> {
    /// Masks interrupts while the guard lives. After: `NoIrq`, through the guard.
    #[inline(always)]
    pub fn irqs_off(&mut self) -> IrqsOff<'_, K, C> {
        mask_irqs::<K>();
        IrqsOff { cpu: Cpu::assume(Step::new()), outer: PhantomData }
    }
}

impl<K: Kernel> Cpu<K, Process> {
    /// Keeps this task on this CPU while the guard lives. After: `Atomic`, through the guard.
    #[inline(always)]
    pub fn preempt_off(&mut self) -> PreemptOff<'_, K> {
        self.task_word().add::<K::Machine>(PREEMPT);
        PreemptOff { cpu: Cpu::assume(Step::new()), outer: PhantomData }
    }
}

impl<K: Kernel, C: MaySleep> Cpu<K, C> {
    /// Lets other tasks run: a task that sleeps or yields. Before and after: nothing masked; maybe another CPU.
    ///
    /// `decide` runs with interrupts masked, so that what it sleeps for cannot come between: it says whether to
    /// schedule at all.
    #[inline]
    pub fn schedule(&mut self, decide: impl FnOnce(&mut Cpu<K, NoIrq>) -> bool) {
        mask_irqs::<K>();
        let mut cpu = Cpu::assume(Step::new());
        if decide(&mut cpu) {
            let _back = K::Scheduler::schedule(cpu, Cause::Asked);
        }
        open_irqs::<K>();
    }
}

/// Interrupts are masked while this lives.
#[must_use = "interrupts are on again when this goes"]
pub struct IrqsOff<'a, K: Kernel, C: IrqsOpen> {
    cpu: Cpu<K, NoIrq>,
    outer: PhantomData<&'a mut Cpu<K, C>>,
}

impl<K: Kernel, C: IrqsOpen> Deref for IrqsOff<'_, K, C> {
    type Target = Cpu<K, NoIrq>;
    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        &self.cpu
    }
}

impl<K: Kernel, C: IrqsOpen> DerefMut for IrqsOff<'_, K, C> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.cpu
    }
}

impl<K: Kernel, C: IrqsOpen> Drop for IrqsOff<'_, K, C> {
    #[inline(always)]
    fn drop(&mut self) {
        open_irqs::<K>();
    }
}

/// This task stays on this CPU while this lives.
#[must_use = "preemption is on again when this goes"]
pub struct PreemptOff<'a, K: Kernel> {
    cpu: Cpu<K, Atomic>,
    outer: PhantomData<&'a mut Cpu<K, Process>>,
}

impl<K: Kernel> Deref for PreemptOff<'_, K> {
    type Target = Cpu<K, Atomic>;
    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        &self.cpu
    }
}

impl<K: Kernel> DerefMut for PreemptOff<'_, K> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.cpu
    }
}

impl<K: Kernel> Drop for PreemptOff<'_, K> {
    /// What was asked while preemption was off is done now (C38).
    #[inline(always)]
    fn drop(&mut self) {
        if self.cpu.task_word().sub::<K::Machine>(PREEMPT).wants_preemption() {
            core::hint::cold_path();
            preempt_now::<K>();
        }
    }
}

#[inline(never)]
#[cold]
fn preempt_now<K: Kernel>() {
    mask_irqs::<K>();
    let mut cpu = Cpu::<K, NoIrq>::assume(Step::new());
    while cpu.task_word().read::<K::Machine>().wants_preemption() {
        cpu = K::Scheduler::schedule(cpu, Cause::PreemptionEnabled);
    }
    open_irqs::<K>();
}
