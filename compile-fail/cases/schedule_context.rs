//! A task switch is valid in `NoIrq` only: not with SError or Debug masked (the bug of Linux 6.18), not with interrupts
//! open.
//@ critical: E0308 "expected `Cpu<K, NoIrq>`, found `Cpu<K, Critical>`"
//@ hardirq: E0308 "expected `Cpu<K, NoIrq>`, found `Cpu<K, Hardirq>`"
//@ error: E0308 "expected `Cpu<K, NoIrq>`, found `Cpu<K, Error>`"
//@ no_nmi: E0308 "expected `Cpu<K, NoIrq>`, found `Cpu<K, NoNmi>`"
//@ atomic: E0308 "expected `Cpu<K, NoIrq>`, found `Cpu<K, Atomic>`"
//@ process: E0308 "expected `Cpu<K, NoIrq>`, found `Cpu<K, Process>`"
//@ inherit: E0308 "expected `Cpu<K, NoIrq>`, found `Cpu<K, Inherit>`"

use support::*;

#[cfg(good)]
type Here = NoIrq;
#[cfg(bad = "critical")]
type Here = Critical;
#[cfg(bad = "hardirq")]
type Here = Hardirq;
#[cfg(bad = "error")]
type Here = Error;
#[cfg(bad = "no_nmi")]
type Here = NoNmi;
#[cfg(bad = "atomic")]
type Here = Atomic;
#[cfg(bad = "process")]
type Here = Process;
#[cfg(bad = "inherit")]
type Here = Inherit;

pub fn preempt<K: Kernel>(cpu: Cpu<K, Here>, cause: Cause<K>) {
    let _back = K::Scheduler::schedule(cpu, cause);
}
