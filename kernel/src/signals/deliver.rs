//! Delivery, in the exit's work loop: each signal that the task does not block does what its process wants done with it.

use alloc::sync::Arc;

use linux_raw_sys::general as linux;
use vestibule::Process as ProcessContext;
use vestibule_arm64::Frame;

use super::{Default, Disposition, Info, Signal, SignalSet, call, pass_on, raise};
use crate::process::{Process, Status};
use crate::reference::Cpu;
use crate::task::Task;
use crate::{alarms, futex, processes, ptrace, scheduler};

/// The task is to end.
struct Ends;

/// The task's flag says that something is there for it.
pub fn deliver(mut cpu: Cpu<ProcessContext>, frame: &mut Frame) -> Cpu<ProcessContext> {
    // A task that ends does not come back: counts that its stack held would be lost, and with them the task.
    if let Err(Ends) = deliver_all(&mut cpu, frame) {
        // Its process has a status already, or other tasks.
        exit_task(&mut cpu, Status::killed(Signal::SIGKILL));
    }
    cpu
}

fn deliver_all(cpu: &mut Cpu<ProcessContext>, frame: &mut Frame) -> Result<(), Ends> {
    let task = Task::current_shared(cpu);
    let Some(process) = task.process() else { return Ok(()) };
    let mut interrupted = frame.interrupted_syscall();
    while let Some(info) = next(cpu, &task, process)? {
        let Some(info) = ptrace::shown(cpu, &task, frame, info) else { continue };
        let disposition = process.actions.lock().take(info.signal);
        match disposition {
            Disposition::Ignore | Disposition::Default(Default::Ignore | Default::Continue) => {}
            Disposition::Default(Default::Stop) => stop(process, info.signal),
            Disposition::Default(Default::End) => process.end(Status::killed(info.signal)),
            Disposition::Handle(action) => {
                if let Some(interrupted) = interrupted.take() {
                    interrupted.handled(action.has(linux::SA_RESTART), frame);
                }
                if call::handler(cpu, &task, frame, &info, &action).is_err() {
                    no_room(cpu, process, info.signal, frame);
                }
            }
        }
    }
    if let Some(interrupted) = interrupted {
        interrupted.not_handled(frame);
    }
    task.signals.unsuspend();
    pass_on(process);
    Ok(())
}

/// There is no room for a handler's frame: a fault of its own, which may have a handler on another stack.
fn no_room(cpu: &mut Cpu<ProcessContext>, process: &Process, signal: Signal, frame: &Frame) {
    if signal == Signal::SIGSEGV {
        process.end(Status::killed(signal));
    } else {
        raise(cpu, Info::kernel(Signal::SIGSEGV), "no room for a signal frame", frame);
    }
}

/// The next one to deliver. A process that is stopped waits here.
fn next(cpu: &mut Cpu<ProcessContext>, task: &Arc<Task>, process: &Arc<Process>) -> Result<Option<Info>, Ends> {
    loop {
        if process.is_ending_task(task) {
            return Err(Ends);
        }
        if !process.job.is_stopped() {
            break;
        }
        process.stay_stopped(cpu);
    }
    let wanted = SignalSet::from_bits(!task.signals.blocked().bits());
    let mut info = task.signals.pending.take(wanted).or_else(|| process.pending.take(wanted));
    if let Some(info) = &mut info {
        alarms::taken(process, info);
    }
    Ok(info)
}

/// Only SIGSTOP stops a process that no shell looks after: nobody would let it go on.
fn stop(process: &Process, signal: Signal) {
    if signal == Signal::SIGSTOP || !processes::is_orphaned(process.group()) {
        process.stop(signal);
    }
}

/// The current task ends, with `status`; its process goes on, if it was not the last.
pub fn exit_task(cpu: &mut Cpu<ProcessContext>, status: Status) -> ! {
    let task = Task::current_shared(cpu);
    futex::robust::release(cpu);
    if let Some(process) = task.process().cloned() {
        process.leave(cpu, status);
    }
    drop(task);
    scheduler::end(cpu)
}
