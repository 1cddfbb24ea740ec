//! Per-CPU state is for code that stays on its CPU.
//@ process: E0277 "code in `Process` may move to another CPU"
//@ inherit: E0277 "code in `Inherit` may move to another CPU"
//@ this_cpu: E0277 "code in `Process` may move to another CPU"

use support::*;

pub fn work(pinned: &Cpu<SomeKernel, Atomic>, process: &Cpu<SomeKernel, Process>, inherit: &Cpu<SomeKernel, Inherit>) {
    #[cfg(good)]
    pinned.state();
    #[cfg(bad = "process")]
    process.state();
    #[cfg(bad = "inherit")]
    inherit.state();
    #[cfg(not(bad = "this_cpu"))]
    vestibule_arm64::this_cpu(pinned);
    #[cfg(bad = "this_cpu")]
    vestibule_arm64::this_cpu(process);
}
