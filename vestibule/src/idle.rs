//! The idle task's wait.

use crate::masks::{trace_off, trace_on};
use crate::{ContextTracking, Cpu, Kernel, Machine, Process, Step};

impl<K: Kernel> Cpu<K, Process> {
    /// Waits for an interrupt, unless the idle task is wanted elsewhere. Before and after: nothing masked.
    ///
    /// Looks and waits in `NoNmi`: what comes in between ends the wait, and is taken after it, watched. Not in `NoIrq`: where a
    /// priority masks interrupts, the wait would not see them (C98).
    pub fn idle(&mut self) {
        K::Machine::nmis_off(Step::new());
        trace_off::<K>();
        if !self.task_word().read::<K::Machine>().work().wants_schedule() {
            let wait = || {
                K::ContextTracking::eqs_enter(Step::new());
                K::Machine::wait_for_interrupt(Step::new());
                K::ContextTracking::eqs_exit(Step::new());
            };
            K::Machine::unwatched(wait, Step::new());
        }
        trace_on::<K>();
        K::Machine::nmis_on(Step::new());
    }
}
