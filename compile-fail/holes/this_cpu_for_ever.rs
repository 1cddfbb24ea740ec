//! What `this_cpu` gives is not bound to the token it was asked with: it survives a migration, and per-CPU state is at
//! hand in `Process`. Should be: `&CpuLocal` with the token's lifetime, as `current` gives.
//@ over_schedule: compiles
//@ in_process: compiles

#![forbid(unsafe_code)]

use support::*;

pub fn preempt<K: Bodies>(cpu: Cpu<K, NoIrq>, cause: Cause) -> Cpu<K, NoIrq> {
    let here = vestibule_arm64::this_cpu(&cpu);
    let before = here.number();
    let cpu = K::Scheduler::schedule(cpu, cause);
    #[cfg(bad = "over_schedule")]
    let stale = here.number();
    cpu
}

pub fn sleep<K: Bodies>(cpu: &mut Cpu<K, Process>) {
    let guard = cpu.irqs_off();
    let here = vestibule_arm64::this_cpu(&guard);
    drop(guard);
    #[cfg(bad = "in_process")]
    here.state().snapshot();
}
