//! A kernel answers for every concern, and for the whole of it.
//@ half_of_tracking: E0046 "missing: `irq_exit`"
//@ half_of_tracing: E0046 "missing: `off_finish`"
//@ half_of_softirqs: E0046 "missing: `run`"
//@ not_named: E0046 "missing: `IrqTracing`"
//@ not_implemented: E0277 "`ThisKernel` does not schedule for `ThisKernel`"
//@ implemented_for_another: E0277 "`ForOther` does not schedule for `ThisKernel`"

use support::*;

pub enum ThisKernel {}
impl Kernel for ThisKernel {
    type Machine = Arm64<Daif<NoCpu>>;
    #[cfg(not(any(bad = "not_implemented", bad = "implemented_for_another")))]
    type Scheduler = ();
    #[cfg(bad = "not_implemented")]
    type Scheduler = ThisKernel;
    #[cfg(bad = "implemented_for_another")]
    type Scheduler = ForOther;
    type ContextTracking = ThisKernel;
    #[cfg(not(bad = "not_named"))]
    type IrqTracing = ThisKernel;
    type UserWork = ();
    type SyscallWork = ();
    type Softirqs = ThisKernel;
    type Checks = ();
}
impl ContextTracking<ThisKernel> for ThisKernel {
    const ON: bool = true;
    fn watching() -> bool {
        true
    }
    fn eqs_exit(_: Step<Self>) {}
    fn eqs_enter(_: Step<Self>) {}
    fn irq_enter(_: Step<Self>) {}
    #[cfg(not(bad = "half_of_tracking"))]
    fn irq_exit(_: Step<Self>) {}
}
impl IrqTracing<ThisKernel> for ThisKernel {
    const ON: bool = true;
    fn off(_: Step<Self>) {}
    #[cfg(not(bad = "half_of_tracing"))]
    fn off_finish(_: Step<Self>) {}
    fn on_prepare(_: Step<Self>) {}
    fn on(_: Step<Self>) {}
    fn believes_on() -> bool {
        true
    }
}
impl Softirqs<ThisKernel> for ThisKernel {
    fn pending(_: &Cpu<ThisKernel, NoIrq>) -> bool {
        false
    }
    #[cfg(not(bad = "half_of_softirqs"))]
    fn run(cpu: Cpu<ThisKernel, Atomic>) -> Cpu<ThisKernel, Atomic> {
        cpu
    }
}
pub enum ForOther {}
impl Scheduler<OtherKernel> for ForOther {
    fn schedule(cpu: Cpu<OtherKernel, NoIrq>, _: Cause<OtherKernel>) -> Cpu<OtherKernel, NoIrq> {
        cpu
    }
}
