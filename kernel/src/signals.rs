//! Signals, as far as they end processes: this kernel's programs have no handlers yet.

use core::fmt::Display;

use vestibule::Process as ProcessContext;
use vestibule_arm64::Frame;

use crate::reference::Cpu;
use crate::task::Task;
use crate::{println, scheduler, user_copy};

/// Linux's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, clippy::upper_case_acronyms, reason = "their names are what they are known by")]
pub enum Signal {
    SIGILL = 4,
    SIGTRAP = 5,
    SIGBUS = 7,
    SIGSEGV = 11,
}

/// A task did what no program may do: says what and where, and ends its process with that signal.
pub fn raise(cpu: &mut Cpu<ProcessContext>, signal: Signal, what: impl Display, frame: &Frame) {
    let task = Task::current(cpu);
    let Some(process) = task.process() else {
        panic!("{what} in kernel thread {}, which has no user mode", task.id());
    };
    println!(
        "{} (process {}, task {}): {signal:?}: {what}, pc {:#x}, syndrome {:#x}",
        process.name(),
        process.id(),
        task.id(),
        frame.pc,
        frame.syndrome
    );
    process.end(128 + signal as i32);
}

/// The task's flag says that something is there for it.
pub fn deliver(mut cpu: Cpu<ProcessContext>, _: &mut Frame) -> Cpu<ProcessContext> {
    let task = Task::current(&cpu);
    match task.process() {
        Some(process) if process.is_ending() => exit_task(&mut cpu),
        _ => cpu,
    }
}

/// The current task ends; its process goes on, if it was not the last.
pub fn exit_task(cpu: &mut Cpu<ProcessContext>) -> ! {
    let task = Task::current_shared(cpu);
    let cleared = task.clear_on_exit.load(core::sync::atomic::Ordering::Relaxed);
    if let Some(process) = task.process().cloned() {
        // Who gave a bad address is not told any more.
        if cleared != 0 && user_copy::write_user(cleared, &0_u32).is_ok() {
            crate::futex::wake(process.id(), cleared, 1);
        }
        process.leave(cpu);
    }
    drop(task);
    scheduler::end(cpu)
}
