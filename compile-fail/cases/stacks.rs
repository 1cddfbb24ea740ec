//! Where a task's stack and its CPU are is what the entry runs on: safe code does not say it.
//@ stack: E0133 "call to unsafe function `Thread::set_stack_top`"
//@ cpu: E0133 "call to unsafe function `Thread::set_cpu`"

use support::*;
use vestibule_arm64::CpuLocal;

pub static NOWHERE: CpuLocal = CpuLocal::new(0, 0xdead_0000, 0xbeef_0000);

pub fn body<K: Bodies>(cpu: Cpu<K, Process>) -> Cpu<K, Process> {
    let thread = vestibule_arm64::current(&cpu);
    #[cfg(bad = "stack")]
    thread.set_stack_top(0xdead_0000);
    #[cfg(bad = "cpu")]
    thread.set_cpu(&NOWHERE);
    cpu
}
