//! A fault that the kernel took sleeps only after it has asked what it interrupted.
//@ unasked: E0277 "nothing may sleep in `Inherit`"
//@ in_masked: E0277 "nothing may sleep in `Inherit`"

use support::*;

pub fn fault<K: Kernel>(mut cpu: Cpu<K, Inherit>) -> Cpu<K, Inherit> {
    #[cfg(bad = "unasked")]
    cpu.schedule();
    let mut resolved = cpu.resolve();
    match &mut resolved {
        Resolved::Process(cpu) => cpu.schedule(),
        #[cfg(not(bad = "in_masked"))]
        Resolved::Masked(_) => {}
        #[cfg(bad = "in_masked")]
        Resolved::Masked(cpu) => cpu.schedule(),
    }
    resolved.inherit()
}
