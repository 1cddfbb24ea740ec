//! What is borrowed from a token ends where the token may move to another CPU.
//@ hook: E0505 "cannot move out of `cpu` because it is borrowed"
//@ method: E0502 "cannot borrow `*cpu` as mutable because it is also borrowed as immutable"
//@ guard: E0505 "cannot move out of `guard` because it is borrowed"
//@ this_cpu: E0505 "cannot move out of `cpu` because it is borrowed"
//@ this_cpu_after_guard: E0505 "cannot move out of `guard` because it is borrowed"
//@ body: E0505 "cannot move out of `cpu` because it is borrowed"

use support::*;

pub fn preempt<K: Kernel>(cpu: Cpu<K, NoIrq>, cause: Cause<K>) -> Cpu<K, NoIrq> {
    let state = cpu.state();
    let before = state.snapshot();
    let cpu = K::Scheduler::schedule(cpu, cause);
    #[cfg(bad = "hook")]
    let after = state.snapshot();
    cpu
}

pub fn sleep<K: Kernel>(cpu: &mut Cpu<K, Process>) {
    let word = cpu.task_word();
    cpu.schedule();
    #[cfg(bad = "method")]
    word.read::<K::Machine>();
    let guard = cpu.irqs_off();
    let state = guard.state();
    let before = state.snapshot();
    drop(guard);
    #[cfg(bad = "guard")]
    let after = state.snapshot();
}

pub fn body<K: Kernel>(cpu: Cpu<K, NoIrq>) -> Cpu<K, NoIrq> {
    #[cfg(bad = "body")]
    let state = cpu.state();
    let back = cpu;
    #[cfg(bad = "body")]
    state.snapshot();
    back
}

pub fn preempt_here<K: Bodies>(cpu: Cpu<K, NoIrq>, cause: Cause<K>) -> Cpu<K, NoIrq> {
    let here = vestibule_arm64::this_cpu(&cpu);
    let before = here.number();
    let cpu = K::Scheduler::schedule(cpu, cause);
    #[cfg(bad = "this_cpu")]
    let after = here.number();
    cpu
}

pub fn sleep_here<K: Bodies>(cpu: &mut Cpu<K, Process>) {
    let guard = cpu.irqs_off();
    let here = vestibule_arm64::this_cpu(&guard);
    let before = here.number();
    drop(guard);
    #[cfg(bad = "this_cpu_after_guard")]
    let after = here.number();
}
