//! Nothing sleeps while a guard lives: neither with the guard's token nor with the one that it borrows.
//@ irqs_off: E0499 "cannot borrow `*cpu` as mutable more than once at a time"
//@ irqs_off_own: E0599 "the method `schedule` exists for struct `IrqsOff<" "`NoIrq: MaySleep`"
//@ preempt_off: E0499 "cannot borrow `*cpu` as mutable more than once at a time"
//@ preempt_off_own: E0599 "the method `schedule` exists for struct `PreemptOff<" "`Atomic: MaySleep`"
//@ deciding: E0501 "cannot borrow `*cpu` as mutable because previous closure requires unique access"
//@ deciding: E0500 "closure requires unique access to `*cpu` but it is already borrowed"
//@ deciding_own: E0599 "the method `schedule` exists for mutable reference `&mut Cpu<K, NoIrq>`" "`NoIrq: MaySleep`"
//@ idle: E0499 "cannot borrow `*cpu` as mutable more than once at a time"

use support::*;

pub fn work<K: Kernel>(cpu: &mut Cpu<K, Process>) {
    let mut guard = cpu.irqs_off();
    #[cfg(bad = "irqs_off")]
    cpu.schedule(|_| true);
    #[cfg(bad = "irqs_off_own")]
    guard.schedule(|_| true);
    #[cfg(bad = "idle")]
    cpu.idle();
    drop(guard);

    let mut guard = cpu.preempt_off();
    #[cfg(bad = "preempt_off")]
    cpu.schedule(|_| true);
    #[cfg(bad = "preempt_off_own")]
    guard.schedule(|_| true);
    drop(guard);

    #[cfg(not(any(bad = "deciding", bad = "deciding_own")))]
    cpu.schedule(|_| true);
    #[cfg(bad = "deciding")]
    cpu.schedule(|_| {
        cpu.schedule(|_| true);
        true
    });
    #[cfg(bad = "deciding_own")]
    cpu.schedule(|inner| {
        inner.schedule(|_| true);
        true
    });
}
