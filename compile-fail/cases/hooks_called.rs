//! Tracking and tracing change in the library's steps only, never from a body.
//@ tracking: E0061 "argument #1"
//@ nested_tracking: E0061 "argument #1"
//@ tracing: E0061 "argument #1"
//@ own_step: E0308 "expected `Step<TrackedIrqs>`, found `Step<Mine>`"

use support::*;

pub enum Mine {}
impl Kernel for Mine {
    type Machine = Arm64<Daif<NoCpu>>;
    type Scheduler = ();
    type ContextTracking = Tracked;
    type IrqTracing = Mine;
    type UserWork = ();
    type SyscallWork = ();
    type Softirqs = ();
    type Checks = ();
}
impl IrqTracing<Mine> for Mine {
    const ON: bool = true;
    fn off(step: Step<Self>) {
        #[cfg(bad = "own_step")]
        <TrackedIrqs as IrqTracing<Mine>>::off(step);
    }
    fn off_finish(_: Step<Self>) {}
    fn on_prepare(_: Step<Self>) {}
    fn on(_: Step<Self>) {}
    fn believes_on() -> bool {
        false
    }
}

pub fn body(cpu: Cpu<Mine, Process>) -> Cpu<Mine, Process> {
    <Tracked as ContextTracking<Mine>>::watching();
    #[cfg(bad = "tracking")]
    <Tracked as ContextTracking<Mine>>::eqs_enter();
    #[cfg(bad = "nested_tracking")]
    <Tracked as ContextTracking<Mine>>::irq_exit();
    #[cfg(bad = "tracing")]
    <TrackedIrqs as IrqTracing<Mine>>::off();
    cpu
}
