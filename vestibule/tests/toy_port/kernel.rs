//! A kernel on it: hooks that say that they ran, and the handlers of its classes.

use crate::port::{Frame, Toy, ToyPort, is_masked, log};
use std::cell::RefCell;
use vestibule::{
    Broken, Cause, Checks, Class, Cpu, Flags, Hardirq, Inherit, Kernel, NoIrq, Process, Regular, Restored, Scheduler,
    Syscall, Taken, Tracked, TrackedIrqs, User, UserWork,
};

/// Tracked, traced and checked.
pub enum ToyKernel {}

impl Kernel for ToyKernel {
    type Machine = Toy;
    type Scheduler = ToyKernel;
    type ContextTracking = Tracked;
    type IrqTracing = TrackedIrqs;
    type UserWork = ToyKernel;
    type SyscallWork = ();
    type Softirqs = ();
    type Checks = ToyKernel;
}

/// Something of the kernel's runs, with interrupts masked or open.
pub fn runs(what: &str) {
    log(format!("{what}, {}", if is_masked() { "masked" } else { "open" }));
}

impl Scheduler<ToyKernel> for ToyKernel {
    fn schedule(cpu: Cpu<ToyKernel, NoIrq>, cause: Cause<ToyKernel>) -> Cpu<ToyKernel, NoIrq> {
        runs(&format!("schedule {:?}", cause.why()));
        <() as Scheduler<ToyKernel>>::schedule(cpu, cause)
    }
}

impl UserWork<ToyKernel> for ToyKernel {
    fn signal(cpu: Cpu<ToyKernel, Process>, _: &mut Frame) -> Cpu<ToyKernel, Process> {
        runs("signal");
        cpu.task_word().clear::<Toy>(Flags::SIGNAL);
        cpu
    }
    fn notify_resume(cpu: Cpu<ToyKernel, Process>, _: &mut Frame) -> Cpu<ToyKernel, Process> {
        runs("notify_resume");
        cpu.task_word().clear::<Toy>(Flags::NOTIFY_RESUME);
        // Raises a signal: the loop looks again.
        cpu.task_word().set::<Toy>(Flags::SIGNAL);
        cpu
    }
    fn other(cpu: Cpu<ToyKernel, Process>, _: &mut Frame) -> Cpu<ToyKernel, Process> {
        runs("other");
        cpu.task_word().clear::<Toy>(Flags::OTHER);
        cpu
    }
}

thread_local! {
    static BROKEN: RefCell<Vec<Broken>> = const { RefCell::new(Vec::new()) };
}

impl Checks for ToyKernel {
    const ON: bool = true;
    fn holds_nothing() -> bool {
        true
    }
    fn broken(what: Broken) {
        BROKEN.with_borrow_mut(|broken| broken.push(what));
    }
}

/// Rules seen broken since the last call.
pub fn broken() -> Vec<Broken> {
    BROKEN.take()
}

macro_rules! classes {
    ($($class:ident $name:literal: $body:ty, $counts:ty;)*) => {$(
        pub enum $class {}
        impl Class for $class {
            const NAME: &'static str = $name;
            type Body = $body;
            type Counts = $counts;
        }
    )*};
}
classes! {
    Fault "fault": Inherit, Regular;
    Interrupt "interrupt": Hardirq, Regular;
    UserInterrupt "user interrupt": Hardirq, User;
    Call "call": Process, Syscall;
}

// Nothing of this port's own comes between mask, prepare and restore: one call does all three.

pub fn fault(
    taken: Taken<'_, ToyPort, Fault>,
    body: impl FnOnce(Cpu<ToyKernel, Inherit>, &mut Frame) -> Cpu<ToyKernel, Inherit>,
) -> Restored<'_, ToyPort, Fault> {
    taken.enter().open().run(body).finish()
}

pub fn interrupt(
    taken: Taken<'_, ToyPort, Interrupt>,
    body: impl FnOnce(Cpu<ToyKernel, Hardirq>, &mut Frame) -> Cpu<ToyKernel, Hardirq>,
) -> Restored<'_, ToyPort, Interrupt> {
    taken.enter().on_irq_stack(|x| x.open().run_hardirq(body).mask()).prepare().restore()
}

pub fn user_interrupt(
    taken: Taken<'_, ToyPort, UserInterrupt>,
    body: impl FnOnce(Cpu<ToyKernel, Hardirq>, &mut Frame) -> Cpu<ToyKernel, Hardirq>,
) -> Restored<'_, ToyPort, UserInterrupt> {
    taken.enter().on_irq_stack(|x| x.open().run_hardirq(body).mask()).prepare().restore()
}

pub fn call(
    taken: Taken<'_, ToyPort, Call>,
    body: impl FnOnce(Cpu<ToyKernel, Process>, &mut Frame) -> Cpu<ToyKernel, Process>,
) -> Restored<'_, ToyPort, Call> {
    taken.enter().open().trace_entry().call(body).trace_exit().finish()
}
