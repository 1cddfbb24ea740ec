//! There is one token: it is neither copied nor cloned.
//@ copied: E0382 "use of moved value: `cpu`"
//@ cloned: E0599 "no method named `clone` found for struct `Cpu<K, C>`"
//@ used_after_hook: E0382 "borrow of moved value: `cpu`"

use support::*;

pub fn hook<K: Kernel, C: Context>(cpu: Cpu<K, C>) -> Cpu<K, C> {
    cpu
}

pub fn twice<K: Kernel, C: Context>(cpu: Cpu<K, C>) {
    #[cfg(good)]
    let one = cpu;
    #[cfg(bad = "copied")]
    let (one, other) = (cpu, cpu);
    #[cfg(bad = "cloned")]
    let (one, other) = (cpu.clone(), cpu);
    #[cfg(bad = "used_after_hook")]
    let (one, _) = (hook(cpu), cpu.task_word());
    let _ = one;
}
