//! A fault that the kernel took sleeps only after it has asked what it interrupted.
//@ unasked: E0599 "the method `schedule` exists for" "`Inherit: MaySleep`"
//@ in_masked: E0599 "the method `schedule` exists for" "`Inherit: MaySleep`"

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
