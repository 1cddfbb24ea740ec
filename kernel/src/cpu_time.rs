//! CPU time: the tick counts for the task, the task charges its process on the way to user mode.

use core::sync::atomic::Ordering;

use vestibule::{Flags, Hardirq, Process};

use crate::reference::{Cpu, Machine};
use crate::task::Task;

/// Ticks a second.
pub const HERTZ: u64 = 250;

/// So many ticks are charged together: that is work on the way to user mode, and a tick should seldom make any.
const CHARGED_AT_ONCE: u64 = 16;

/// A tick came while the current task ran. From the interrupt's body.
pub fn tick(cpu: &Cpu<Hardirq>) {
    let task = Task::current(cpu);
    let ticks = task.ticks.fetch_add(1, Ordering::Relaxed) + 1;
    if task.process().is_some() && ticks >= CHARGED_AT_ONCE {
        task.word().set::<Machine>(Flags::other(0));
    }
}

/// Charges the current task's ticks to its process.
pub fn charge(cpu: &Cpu<Process>) {
    let task = Task::current(cpu);
    let ticks = task.ticks.swap(0, Ordering::Relaxed);
    if let Some(process) = task.process() {
        process.charge(ticks);
    }
}
