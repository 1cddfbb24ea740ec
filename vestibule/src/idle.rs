//! The idle task's wait.

use crate::cpu::{mask_irqs, open_irqs};
use crate::{ContextTracking, Cpu, Kernel, Machine, NoIrq, Process, Step};

impl<K: Kernel> Cpu<K, Process> {
    /// Waits for an interrupt, unless the idle task is wanted elsewhere. Before and after: nothing masked.
    ///
    /// Looks and waits with interrupts masked: one that comes in between ends the wait, and is taken after it, watched.
    #[inline]
    pub fn idle(&mut self) {
        mask_irqs::<K>();
        let cpu = Cpu::<K, NoIrq>::assume(Step::new());
        if !cpu.task_word().read::<K::Machine>().work().wants_schedule() {
            K::ContextTracking::idle_enter();
            K::Machine::wait_for_interrupt(Step::new());
            K::ContextTracking::idle_exit();
        }
        open_irqs::<K>();
    }
}
