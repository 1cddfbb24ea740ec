//! The idle task's wait.

use crate::cpu::{mask_irqs, open_irqs};
use crate::{ContextTracking, Cpu, Kernel, Machine, Process, Step};

impl<K: Kernel> Cpu<K, Process> {
    /// Waits for an interrupt, unless the idle task is wanted elsewhere. Before and after: nothing masked.
    ///
    /// Looks and waits with interrupts masked: one that comes in between ends the wait, and is taken after it, watched.
    pub fn idle(&mut self) {
        mask_irqs::<K>();
        if !self.task_word().read::<K::Machine>().work().wants_schedule() {
            K::ContextTracking::eqs_enter(Step::new());
            K::Machine::wait_for_interrupt(Step::new());
            K::ContextTracking::eqs_exit(Step::new());
        }
        open_irqs::<K>();
    }
}
