//! Nobody but the library enters the scheduler: it alone makes a cause.
//@ literal: E0423 "cannot initialize a tuple struct which contains private fields"
//@ new: E0624 "associated function `new` is private"
//@ why: E0308 "expected `Cause<K>`, found `Why`"
//@ other_kernel: E0308 "expected `Cause<K>`, found `Cause<SomeKernel>`"
//@ twice: E0382 "use of moved value: `cause`"

use support::*;

pub fn body<K: Kernel>(cpu: Cpu<K, NoIrq>, cause: Cause<K>, other: Cause<SomeKernel>) -> Cpu<K, NoIrq> {
    #[cfg(any(good, bad = "twice"))]
    let cpu = K::Scheduler::schedule(cpu, cause);
    #[cfg(bad = "twice")]
    let cpu = K::Scheduler::schedule(cpu, cause);
    #[cfg(bad = "literal")]
    let cpu = K::Scheduler::schedule(cpu, Cause(Why::Asked));
    #[cfg(bad = "new")]
    let cpu = K::Scheduler::schedule(cpu, Cause::new(Why::Asked));
    #[cfg(bad = "why")]
    let cpu = K::Scheduler::schedule(cpu, Why::Asked);
    #[cfg(bad = "other_kernel")]
    let cpu = K::Scheduler::schedule(cpu, other);
    cpu
}
