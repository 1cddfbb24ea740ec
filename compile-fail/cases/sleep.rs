//! Only code with nothing masked sleeps. What has an inherited context finds out first.
//@ inherit: E0277 "nothing may sleep in `Inherit`" "a `Cpu` in `Process` may"
//@ atomic: E0277 "nothing may sleep in `Atomic`" "a `Cpu` in `Process` may"
//@ no_irq: E0277 "nothing may sleep in `NoIrq`" "a `Cpu` in `Process` may"
//@ no_nmi: E0277 "nothing may sleep in `NoNmi`" "a `Cpu` in `Process` may"
//@ error: E0277 "nothing may sleep in `Error`" "a `Cpu` in `Process` may"
//@ critical: E0277 "nothing may sleep in `Critical`" "a `Cpu` in `Process` may"

use support::*;

#[cfg(good)]
type Here = Process;
#[cfg(bad = "inherit")]
type Here = Inherit;
#[cfg(bad = "atomic")]
type Here = Atomic;
#[cfg(bad = "no_irq")]
type Here = NoIrq;
#[cfg(bad = "no_nmi")]
type Here = NoNmi;
#[cfg(bad = "error")]
type Here = Error;
#[cfg(bad = "critical")]
type Here = Critical;

pub fn sleep<K: Kernel>(cpu: &mut Cpu<K, Here>) {
    cpu.schedule();
}
