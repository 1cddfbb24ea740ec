//! `IrqsSaved` is tied neither to a token nor to the one saved before it: interrupts open under it, and what it says
//! (`NoIrq`) is not true; leaked, it says so for ever, and of the task that it was saved in. Should be: nested by a closure
//! (`IrqsSaved::with(|cpu| ..)`) for all but sleeping inside, which is for the checks at run time.
//@ out_of_order: compiles
//@ with_a_guard: compiles
//@ sleeps: compiles
//@ leaks: compiles

#![forbid(unsafe_code)]

use support::*;

pub fn lock<K: Kernel, C: IrqsMasked>(_: &Cpu<K, C>) {}

pub fn print<K: Kernel>(cpu: &mut Cpu<K, Process>) {
    #[cfg(bad = "with_a_guard")]
    let guard = cpu.irqs_off();
    let first = IrqsSaved::<K>::save();
    let second = IrqsSaved::<K>::save();
    #[cfg(bad = "with_a_guard")]
    drop(guard);
    #[cfg(bad = "out_of_order")]
    drop(first);
    #[cfg(bad = "sleeps")]
    cpu.schedule();
    #[cfg(bad = "leaks")]
    core::mem::forget(first);
    lock(second.cpu());
}
