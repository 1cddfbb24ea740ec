//! Where a task's stack and its CPU are is set by safe functions, and the entry believes them: the next interrupt runs,
//! and the next return to user mode writes its frame, wherever safe code says. Should be: `unsafe`, or a key.
//@ own_stack: compiles
//@ irq_stack: compiles

#![forbid(unsafe_code)]

use support::*;
use vestibule_arm64::CpuLocal;

pub static NOWHERE: CpuLocal = CpuLocal::new(0, 0xdead_0000, 0xbeef_0000);

pub fn body<K: Bodies>(cpu: Cpu<K, Process>) -> Cpu<K, Process> {
    let thread = vestibule_arm64::current(&cpu);
    #[cfg(bad = "own_stack")]
    thread.set_stack_top(0xdead_0000);
    #[cfg(bad = "irq_stack")]
    thread.set_cpu(&NOWHERE);
    cpu
}
