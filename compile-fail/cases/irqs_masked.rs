//! A lock shared with interrupt handlers asks for masked interrupts.
//@ process: E0277 "an interrupt may come in `Process`" "irqs_off"
//@ atomic: E0277 "an interrupt may come in `Atomic`" "irqs_off"
//@ inherit: E0277 "an interrupt may come in `Inherit`" "irqs_off"

use support::*;

pub fn lock<'a, K: Kernel, C: IrqsMasked>(_: &'a Cpu<K, C>) {}

pub fn work(masked: &Cpu<SomeKernel, NoIrq>, process: &Cpu<SomeKernel, Process>, atomic: &Cpu<SomeKernel, Atomic>) {
    lock(masked);
    #[cfg(bad = "process")]
    lock(process);
    #[cfg(bad = "atomic")]
    lock(atomic);
}

pub fn fault(inherit: &Cpu<SomeKernel, Inherit>) {
    #[cfg(bad = "inherit")]
    lock(inherit);
}
