//! `Exception::first` asks for no key: a body with a `Process` token begins an exception of its own and runs its exit,
//! context tracking and all, in the middle of the one that it belongs to; and with a backend of its own it makes the
//! exit schedule with interrupts open. Should be: ports only, as `Taken::claim`.
//@ system_call: compiles
//@ resolved_fault: compiles
//@ schedules_with_interrupts_open: compiles

#![forbid(unsafe_code)]

use support::*;

/// A backend that does nothing.
pub enum NoMasks {}
impl Masks for NoMasks {
    type Frame = Frame;
    fn lower<From: Fixed, To: Fixed>(_: Step) {}
    fn inherit(_: &Frame, _: Step) {}
    fn mask<From: Context>(_: Step) {}
}

pub fn syscall(cpu: Cpu<SomeKernel, Process>, frame: &mut Frame) -> Cpu<SomeKernel, Process> {
    #[cfg(bad = "system_call")]
    {
        let x: Exception<'_, SomePort, El0Svc, _> = Exception::first(cpu, frame);
        let _restored = x.mask().prepare().restore();
        loop {}
    }
    #[cfg(bad = "schedules_with_interrupts_open")]
    {
        let x: Exception<'_, On<NoMasks, SomeKernel>, El0Svc, _> = Exception::first(cpu, frame);
        let _restored = x.mask().prepare().restore();
        loop {}
    }
    #[cfg(not(any(bad = "system_call", bad = "schedules_with_interrupts_open")))]
    cpu
}

pub fn kernel_abort(cpu: Cpu<SomeKernel, Inherit>, frame: &mut Frame) -> Cpu<SomeKernel, Inherit> {
    match cpu.resolve() {
        #[cfg(bad = "resolved_fault")]
        Resolved::Process(cpu) => {
            let x: Exception<'_, SomePort, El0Svc, _> = Exception::first(cpu, frame);
            let _restored = x.mask().prepare().restore();
            loop {}
        }
        resolved => resolved.inherit(),
    }
}
