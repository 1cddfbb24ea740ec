//! Without `unsafe` and without a key, a `Step` comes out of the library: whoever writes a machine of his own is handed
//! one, and it opens every machine. Should be: a step of one machine is of no use to another.
//@ opens_interrupts: compiles
//@ task_word_for_ever: compiles
//@ per_cpu_state_in_process: compiles

#![forbid(unsafe_code)]

use core::sync::atomic::AtomicU64;
use support::*;

pub enum Thief {}
impl Kernel for Thief {
    type Machine = Thief;
    type Scheduler = ();
    type ContextTracking = ();
    type IrqTracing = ();
    type UserWork = ();
    type Softirqs = ();
    type Checks = ();
}
impl Machine for Thief {
    type Key = ();
    type Frame = ();
    fn level() -> Level {
        Level::Process
    }
    fn irqs_off(step: Step) {
        #[cfg(bad = "opens_interrupts")]
        <Arm64<NoCpu> as Machine>::irqs_on(step);
        #[cfg(bad = "task_word_for_ever")]
        let word: &'static TaskWord = <Arm64<NoCpu> as Machine>::task_word(step);
        #[cfg(bad = "per_cpu_state_in_process")]
        let state: &'static CpuState = <Arm64<NoCpu> as Machine>::cpu_state(step);
    }
    fn irqs_on(_: Step) {}
    fn wait_for_interrupt(_: Step) {}
    fn irqs_were_on(_: &()) -> bool {
        false
    }
    fn came_by_syscall(_: &mut (), _: bool, _: Step) {}
    fn task_word(_: Step) -> &'static TaskWord {
        unimplemented!()
    }
    fn cpu_state(_: Step) -> &'static CpuState {
        unimplemented!()
    }
    fn on_task_stack() -> bool {
        true
    }
}

/// Anywhere, in any context, such as an interrupt's body.
pub fn body<K: Kernel>(cpu: Cpu<K, NoIrq>) -> Cpu<K, NoIrq> {
    drop(IrqsSaved::<Thief>::save());
    cpu
}
