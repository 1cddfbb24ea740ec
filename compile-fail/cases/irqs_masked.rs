//! A lock shared with interrupt handlers asks for masked interrupts.
//@ process: E0277 "an interrupt may come in `Process`" "mask interrupts first: `irqs_off`"
//@ atomic: E0277 "an interrupt may come in `Atomic`" "mask interrupts first: `irqs_off`"
//@ inherit: E0277 "an interrupt may come in `Inherit`" "mask interrupts first: `irqs_off`"
//@ pretended: E0599 "the method `irqs_masked` exists for reference `&Cpu<SomeKernel, Process>`" "`Process: IrqsMasked`"

use support::*;

pub fn lock<'a, K: Kernel, C: IrqsMasked>(_: &'a Cpu<K, C>) {}

pub fn work(masked: &Cpu<SomeKernel, NoIrq>, process: &Cpu<SomeKernel, Process>, atomic: &Cpu<SomeKernel, Atomic>) {
    lock(masked);
    #[cfg(bad = "process")]
    lock(process);
    #[cfg(bad = "atomic")]
    lock(atomic);
    #[cfg(bad = "pretended")]
    lock(process.irqs_masked());
}

pub fn fault(inherit: &Cpu<SomeKernel, Inherit>) {
    #[cfg(bad = "inherit")]
    lock(inherit);
}
