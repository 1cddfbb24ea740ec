//! A function that may sleep says so in its signature, and is not called from where nothing may.
//@ inherit: E0277 "nothing may sleep in `Inherit`"
//@ atomic: E0277 "nothing may sleep in `Atomic`"
//@ no_irq: E0277 "nothing may sleep in `NoIrq`"

use support::*;

#[cfg(good)]
type Here = Process;
#[cfg(bad = "inherit")]
type Here = Inherit;
#[cfg(bad = "atomic")]
type Here = Atomic;
#[cfg(bad = "no_irq")]
type Here = NoIrq;

pub fn read_page<K: Kernel, C: MaySleep>(cpu: &mut Cpu<K, C>) {
    cpu.schedule();
}

pub fn fault<K: Kernel>(cpu: &mut Cpu<K, Here>) {
    read_page(cpu);
}
