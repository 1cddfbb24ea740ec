//! Nothing sleeps while a guard lives: neither with the guard's token nor with the one that it borrows.
//@ irqs_off: E0499 "cannot borrow `*cpu` as mutable more than once at a time"
//@ irqs_off_own: E0277 "nothing may sleep in `NoIrq`"
//@ preempt_off: E0499 "cannot borrow `*cpu` as mutable more than once at a time"
//@ preempt_off_own: E0277 "nothing may sleep in `Atomic`"
//@ idle: E0499 "cannot borrow `*cpu` as mutable more than once at a time"

use support::*;

pub fn work<K: Kernel>(cpu: &mut Cpu<K, Process>) {
    let mut guard = cpu.irqs_off();
    #[cfg(bad = "irqs_off")]
    cpu.schedule();
    #[cfg(bad = "irqs_off_own")]
    guard.schedule();
    #[cfg(bad = "idle")]
    cpu.idle();
    drop(guard);

    let mut guard = cpu.preempt_off();
    #[cfg(bad = "preempt_off")]
    cpu.schedule();
    #[cfg(bad = "preempt_off_own")]
    guard.schedule();
    drop(guard);

    cpu.schedule();
}
