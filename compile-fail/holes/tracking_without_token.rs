//! The hooks of context tracking and interrupt tracing take no token and no `Step`: any code, in any context, restores
//! state with everything open. Should be: they take a `Step`, or `Tracked` and `TrackedIrqs` are reached by the
//! library only.
//@ restores_in_process: compiles
//@ believes_on: compiles

#![forbid(unsafe_code)]

use support::*;

pub enum Tracking {}
impl Kernel for Tracking {
    type Machine = Arm64<NoCpu>;
    type Scheduler = ();
    type ContextTracking = Tracked;
    type IrqTracing = TrackedIrqs;
    type UserWork = ();
    type Softirqs = ();
    type Checks = ();
}

pub fn body(cpu: Cpu<Tracking, Process>) -> Cpu<Tracking, Process> {
    #[cfg(bad = "restores_in_process")]
    <Tracked as ContextTracking<Tracking>>::user_enter();
    #[cfg(bad = "believes_on")]
    <TrackedIrqs as IrqTracing<Tracking>>::off();
    cpu
}
