//! Sending: who is to hear of a signal, and what it does before anybody does.

use alloc::sync::Arc;
use core::fmt::Display;
use core::sync::atomic::{Ordering, fence};

use vestibule::{Flags, Process as ProcessContext};
use vestibule_arm64::Frame;

use super::pending::Full;
use super::{Default, Info, Origin, Pending, Signal, SignalSet};
use crate::planted::Bug;
use crate::process::{Process, Status};
use crate::reference::{Cpu, Machine};
use crate::task::Task;
use crate::{println, processes, scheduler};

/// Sends to a process: any task of it that does not block the signal may take it. What cannot wait is lost, as it is when a
/// real-time queue is full.
pub fn send(process: &Process, info: Info) {
    _ = try_send(process, info);
}

/// The same, and whether it could wait.
pub fn try_send(process: &Process, info: Info) -> Result<(), Full> {
    let signal = info.signal;
    let hearer = || process.find_task(|task| hears(task, signal));
    if !is_to_wait(process, signal, hearer().is_some(), || process.tasks().any(|task| is_traced(&task))) {
        return Ok(());
    }
    wait(&process.pending, info)?;
    if let Some(task) = hearer() {
        notify(&task);
    }
    Ok(())
}

/// Sends to one task.
pub fn send_task(task: &Arc<Task>, info: Info) {
    _ = try_send_task(task, info);
}

/// The same, and whether it could wait.
pub fn try_send_task(task: &Arc<Task>, info: Info) -> Result<(), Full> {
    let Some(process) = task.process() else { return Ok(()) };
    if !is_to_wait(process, info.signal, hears(task, info.signal), || is_traced(task)) {
        return Ok(());
    }
    wait(&task.signals.pending, info)?;
    notify(task);
    Ok(())
}

/// Sends to every process of a group.
pub fn send_group(group: u32, info: Info) {
    processes::of_group(group).for_each(|process| send(&process, info.clone()));
}

/// The current task did what no program may do. If it blocks or ignores the signal, that does not help it.
pub fn raise(cpu: &mut Cpu<ProcessContext>, info: Info, what: impl Display, frame: &Frame) {
    let info = told_wrongly(info);
    let task = Task::current_shared(cpu);
    let Some(process) = task.process() else {
        panic!("{what} in kernel thread {}, which has no user mode", task.id());
    };
    let mut actions = process.actions.lock();
    if actions.ignore(info.signal) || task.signals.blocked().has(info.signal) {
        actions.forget(info.signal);
        task.signals.block(task.signals.blocked().without(SignalSet::of(&[info.signal])));
    }
    let ends = !actions.is_handled(info.signal) && task.traced.tracer().is_none();
    drop(actions);
    if ends {
        println!(
            "{} (process {}, task {}): {:?}: {what}, pc {:#x}, syndrome {:#x}",
            process.name().escape_debug(),
            process.id(),
            task.id(),
            info.signal,
            frame.pc,
            frame.syndrome
        );
    }
    send_task(&task, info);
}

/// The same, or what a planted bug makes of it.
fn told_wrongly(mut info: Info) -> Info {
    if Bug::WrongCode.is_planted() {
        info.code += 0x10;
    }
    if Bug::LostAddress.is_planted() {
        info.origin = Origin::Fault { address: 0, syndrome: 0 };
    }
    info
}

/// Has the task look at its signals: on its way to user mode, on which this sends it.
pub fn notify(task: &Arc<Task>) {
    task.word().set::<Machine>(Flags::SIGNAL);
    scheduler::kick(task);
}

/// The task does not block any more what waits already, or is new: it looks on its way to user mode.
pub fn look_again(task: &Task) {
    if super::is_interrupted(task) {
        task.word().set::<Machine>(Flags::SIGNAL);
    }
}

/// Of what waits for the process a task may have been told that blocks it by now, or leaves: who hears it looks.
#[inline(always)]
pub fn pass_on(process: &Process) {
    let left = process.pending.set();
    if !left.is_empty() {
        pass_on_all(process, left);
    }
}

#[cold]
fn pass_on_all(process: &Process, mut left: SignalSet) {
    for task in process.tasks() {
        let blocked = task.signals.blocked();
        if !left.without(blocked).is_empty() {
            notify(&task);
            // One for each of them is enough: if that one does not take it, it passes it on itself.
            left = left.and(blocked);
        }
    }
}

fn hears(task: &Task, signal: Signal) -> bool {
    !task.signals.blocked().has(signal)
}

fn is_traced(task: &Task) -> bool {
    task.traced.tracer().is_some()
}

/// What a signal does by being sent. Whether there is more to it, for somebody to hear of: not if nobody would notice it.
/// `is_heard` says whether any of those whom it is for does not block it.
fn is_to_wait(process: &Process, signal: Signal, is_heard: bool, is_traced: impl FnOnce() -> bool) -> bool {
    if process.is_ending() {
        return false;
    }
    match signal.default() {
        Default::Continue => {
            discard(process, SignalSet::STOPPING);
            process.go_on();
        }
        Default::Stop => discard(process, SignalSet::of(&[Signal::SIGCONT])),
        _ => {}
    }
    if signal == Signal::SIGKILL {
        process.end(Status::killed(signal));
        return false;
    }
    !is_heard || is_traced() || !process.actions.lock().ignore(signal)
}

/// Whatever of these waits for a process or its tasks is forgotten.
pub fn discard(process: &Process, signals: SignalSet) {
    process.pending.discard(signals);
    process.tasks().for_each(|task| task.signals.pending.discard(signals));
}

fn wait(pending: &Pending, info: Info) -> Result<(), Full> {
    pending.add(info)?;
    // Before anybody asks who blocks it, as `TaskSignals::block` says.
    fence(Ordering::SeqCst);
    Ok(())
}
