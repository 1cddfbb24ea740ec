//! A scheduler takes and gives back `NoIrq`.
//@ critical: E0053 "expected `NoIrq`, found `Critical`"
//@ keeps_token: E0053 "expected `Cpu<"

use support::*;

pub enum ThisKernel {}
impl Kernel for ThisKernel {
    type Machine = Arm64<Daif<NoCpu>>;
    type Scheduler = ThisKernel;
    type ContextTracking = ();
    type IrqTracing = ();
    type UserWork = ();
    type SyscallWork = ();
    type Softirqs = ();
    type Checks = ();
}
impl Scheduler<ThisKernel> for ThisKernel {
    #[cfg(good)]
    fn schedule(cpu: Cpu<Self, NoIrq>, _: Cause<Self>) -> Cpu<Self, NoIrq> {
        cpu
    }
    #[cfg(bad = "critical")]
    fn schedule(cpu: Cpu<Self, Critical>, _: Cause<Self>) -> Cpu<Self, Critical> {
        cpu
    }
    #[cfg(bad = "keeps_token")]
    fn schedule(cpu: Cpu<Self, NoIrq>, _: Cause<Self>) {}
}
