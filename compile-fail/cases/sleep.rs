//! Only code with nothing masked sleeps. What has an inherited context finds out first.
//@ inherit: E0599 "the method `schedule` exists for mutable reference `&mut Cpu<K, Inherit>`, but its trait bounds were not satisfied" "`Inherit: MaySleep`"
//@ atomic: E0599 "the method `schedule` exists for mutable reference `&mut Cpu<K, Atomic>`, but its trait bounds were not satisfied" "`Atomic: MaySleep`"
//@ no_irq: E0599 "the method `schedule` exists for mutable reference `&mut Cpu<K, NoIrq>`, but its trait bounds were not satisfied" "`NoIrq: MaySleep`"
//@ no_nmi: E0599 "the method `schedule` exists for mutable reference `&mut Cpu<K, NoNmi>`, but its trait bounds were not satisfied" "`NoNmi: MaySleep`"
//@ error: E0599 "the method `schedule` exists for mutable reference `&mut Cpu<K, Error>`, but its trait bounds were not satisfied" "`Error: MaySleep`"
//@ critical: E0599 "the method `schedule` exists for mutable reference `&mut Cpu<K, Critical>`, but its trait bounds were not satisfied" "`Critical: MaySleep`"

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
