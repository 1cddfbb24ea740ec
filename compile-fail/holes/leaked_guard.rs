//! Safe Rust may forget a guard: its token is usable again while interrupts stay masked, or preemption off. Guards that
//! are closures (`irqs_off(|cpu| ..)`) would close it; the checks at run time see it when the body returns.
//@ irqs_off: compiles
//@ preempt_off: compiles

#![forbid(unsafe_code)]

use support::*;

pub fn work<K: Kernel>(cpu: &mut Cpu<K, Process>) {
    #[cfg(bad = "irqs_off")]
    core::mem::forget(cpu.irqs_off());
    #[cfg(bad = "preempt_off")]
    core::mem::forget(cpu.preempt_off());
    cpu.schedule();
}
