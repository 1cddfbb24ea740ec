//! Signals: what a process does with them, what a task blocks, sending, waiting, coming back from a handler.

use alloc::sync::Arc;
use core::cell::Cell;

use linux_raw_sys::general as linux;

use super::{Call, Errno, Result, time};
use crate::process::Process;
use crate::processes;
use crate::signals::{self, Action, Full, INFO_WORDS, Info, Origin, SI_TKILL, SI_USER, Signal, SignalSet};
use crate::task::Task;
use crate::user_copy::{copy_to_user, read_user, write_user};
use crate::{alarms, sleep, timer};

/// Bytes in the kernel's `sigset_t`.
const SET: usize = size_of::<u64>();

pub(super) fn action(call: &mut Call) -> Result {
    let (new, old) = (call.argument(1), call.argument(2));
    let signal = known(call.argument(0))?;
    check_size(call.argument(3))?;
    let action = if new == 0 { None } else { Some(Action::from_words(read_user(new)?)) };
    if action.is_some() && signal.is_absolute() {
        return Err(Errno::EINVAL);
    }
    let mut actions = call.process.actions.lock();
    let before = actions.get(signal);
    let mut unnoticed = false;
    if let Some(action) = action {
        actions.set(signal, action);
        unnoticed = actions.ignore(signal);
    }
    drop(actions);
    if unnoticed {
        signals::discard(call.process, SignalSet::of(&[signal]));
    }
    if old != 0 {
        write_user(old, &before.to_words())?;
    }
    Ok(0)
}

pub(super) fn block(call: &mut Call) -> Result {
    let (how, new, old) = (call.argument(0) as u32, call.argument(1), call.argument(2));
    check_size(call.argument(3))?;
    let task = Task::current_shared(call.cpu);
    let before = task.signals.blocked();
    if new != 0 {
        let set = SignalSet::from_bits(read_user(new)?);
        let after = match how {
            linux::SIG_BLOCK => before.or(set),
            linux::SIG_UNBLOCK => before.without(set),
            linux::SIG_SETMASK => set,
            _ => return Err(Errno::EINVAL),
        };
        task.signals.block(after);
        signals::look_again(&task);
    }
    if old != 0 {
        write_user(old, &before.bits())?;
    }
    Ok(0)
}

pub(super) fn pending(call: &mut Call) -> Result {
    let (to, size) = (call.argument(0), call.argument(1));
    if size > SET {
        return Err(Errno::EINVAL);
    }
    let own = &Task::current(call.cpu).signals;
    let set = own.pending.set().or(call.process.pending.set()).and(own.blocked());
    copy_to_user(to, &set.bits().to_le_bytes()[..size])?;
    Ok(0)
}

/// Never back without a signal.
pub(super) fn suspend(call: &mut Call) -> Result {
    let (set, size) = (call.argument(0), call.argument(1));
    check_size(size)?;
    let set = SignalSet::from_bits(read_user(set)?);
    let task = Task::current_shared(call.cpu);
    task.signals.suspend(set);
    signals::look_again(&task);
    _ = sleep::until(call.cpu, sleep::NEVER, || signals::is_interrupted(&task));
    Err(Errno::ERESTARTNOHAND)
}

/// Takes one of a set of blocked signals without delivering it.
pub(super) fn wait(call: &mut Call) -> Result {
    let (set, info_to, limit) = (call.argument(0), call.argument(1), call.argument(2));
    check_size(call.argument(3))?;
    let set = SignalSet::from_bits(read_user(set)?).without(SignalSet::ABSOLUTE);
    let due = if limit == 0 { sleep::NEVER } else { timer::nanoseconds().saturating_add(time::read_time(limit)?) };
    let task = Task::current_shared(call.cpu);
    let process = call.process;
    // Meanwhile they wake it up.
    let blocked = task.signals.blocked();
    task.signals.block(blocked.without(set));
    let (found, is_interrupted) = (Cell::new(None), Cell::new(false));
    _ = sleep::until(call.cpu, due, || {
        let taken = task.signals.pending.take(set).or_else(|| process.pending.take(set));
        let is_taken = taken.is_some();
        found.set(taken);
        // What it was may be another task's by the time that this one runs.
        is_interrupted.set(is_interrupted.get() || signals::is_interrupted(&task));
        is_taken || is_interrupted.get()
    });
    task.signals.block(blocked);
    signals::look_again(&task);
    match found.take() {
        Some(mut info) => {
            alarms::taken(process, &mut info);
            if info_to != 0 {
                write_user(info_to, &info.to_words())?;
            }
            Ok(info.signal.number() as usize)
        }
        None if is_interrupted.get() => Err(Errno::EINTR),
        None => Err(Errno::EAGAIN),
    }
}

pub(super) fn alternate_stack(call: &mut Call) -> Result {
    let (new, old) = (call.argument(0), call.argument(1));
    let task = Task::current_shared(call.cpu);
    let before = task.signals.alternate.get().to_words(call.frame.sp);
    if new != 0 {
        let [base, flags, size] = read_user(new)?;
        task.signals.alternate.change([base, flags & 0xffff_ffff, size], call.frame.sp)?;
    }
    if old != 0 {
        write_user(old, &before)?;
    }
    Ok(0)
}

/// Out of a handler. A frame that cannot be one is a fault, as a bad pointer would be, of no access.
pub(super) fn back(call: &mut Call) -> Result {
    let task = Task::current_shared(call.cpu);
    if signals::back(call.cpu, &task, call.frame).is_err() {
        let address = call.frame.sp;
        let is_mapped = call.memory()?.lock(call.cpu).has_at_or_above(address as usize);
        let code = if is_mapped { linux::SEGV_ACCERR } else { linux::SEGV_MAPERR };
        let origin = Origin::Instruction { address, syndrome: 0 };
        let info = Info { signal: Signal::SIGSEGV, code: code as i32, origin };
        signals::raise(call.cpu, info, "bad signal frame", call.frame);
    }
    signals::look_again(&task);
    Ok(call.frame.regs[0] as usize)
}

pub(super) fn kill(call: &mut Call) -> Result {
    let (whom, signal) = (call.argument(0) as i32, optional(call.argument(1))?);
    let own = call.process.id();
    let reached = match whom {
        1.. => send_each(call.process, signal, processes::find(whom as u32).into_iter()),
        0 => send_each(call.process, signal, processes::of_group(call.process.group())),
        -1 => {
            let others = |process: &Arc<Process>| process.id() != processes::FIRST && process.id() != own;
            send_each(call.process, signal, processes::all().filter(others))
        }
        _ => send_each(call.process, signal, processes::of_group(whom.unsigned_abs())),
    };
    if reached > 0 { Ok(0) } else { Err(Errno::ESRCH) }
}

/// How many there are; without a signal, that is all.
fn send_each(from: &Process, signal: Option<Signal>, to: impl Iterator<Item = Arc<Process>>) -> usize {
    let send = |process: Arc<Process>| {
        let info = |signal| Info { signal, code: SI_USER, origin: sender(from) };
        _ = signal.map(|signal| signals::send(&process, info(signal)));
    };
    to.map(send).count()
}

pub(super) fn kill_task(call: &mut Call) -> Result {
    send_to_task(call, None, call.argument(0), call.argument(1))
}

pub(super) fn kill_task_of_group(call: &mut Call) -> Result {
    send_to_task(call, Some(call.argument(0)), call.argument(1), call.argument(2))
}

fn send_to_task(call: &Call, process: Option<usize>, task: usize, signal: usize) -> Result {
    let signal = optional(signal)?;
    if (task as i32) <= 0 || process.is_some_and(|process| process as i32 <= 0) {
        return Err(Errno::EINVAL);
    }
    let own = Task::current_shared(call.cpu);
    let is_own = own.id() as usize == task && process.is_none_or(|process| process == call.process.id() as usize);
    let task = if is_own { own } else { find_task(process, task)? };
    if let Some(signal) = signal {
        let info = Info { signal, code: SI_TKILL, origin: sender(call.process) };
        return sent(info, |info| signals::try_send_task(&task, info));
    }
    Ok(0)
}

pub(super) fn queue(call: &mut Call) -> Result {
    let signal = optional(call.argument(1))?;
    let process = processes::find(call.argument(0) as u32).ok_or(Errno::ESRCH)?;
    let info = read_info(signal, call.argument(2), process.id() == call.process.id())?;
    info.map_or(Ok(0), |info| sent(info, |info| signals::try_send(&process, info)))
}

pub(super) fn queue_to_task(call: &mut Call) -> Result {
    let signal = optional(call.argument(2))?;
    let task = find_task(Some(call.argument(0)), call.argument(1))?;
    let own = task.process().is_some_and(|process| process.id() == call.process.id());
    let info = read_info(signal, call.argument(3), own)?;
    info.map_or(Ok(0), |info| sent(info, |info| signals::try_send_task(&task, info)))
}

/// Who sends as `kill` does is not told that there was no room.
fn sent(info: Info, send: impl FnOnce(Info) -> core::result::Result<(), Full>) -> Result {
    let is_told = info.code != SI_USER;
    match send(info) {
        Err(Full) if is_told => Err(Errno::EAGAIN),
        _ => Ok(0),
    }
}

/// Nobody tells another process that the kernel sent what it did not.
fn read_info(signal: Option<Signal>, from: usize, own: bool) -> Result<Option<Info>> {
    let words: [u64; INFO_WORDS] = read_user(from)?;
    let Some(signal) = signal else { return Ok(None) };
    let info = Info::from_words(signal, &words);
    if (info.code >= 0 || info.code == SI_TKILL) && !own {
        return Err(Errno::EPERM);
    }
    Ok(Some(info))
}

fn find_task(process: Option<usize>, task: usize) -> Result<Arc<Task>> {
    let task = processes::find_task(task as u32).ok_or(Errno::ESRCH)?;
    let belongs = |process| task.process().is_some_and(|of| of.id() as usize == process);
    if process.is_none_or(belongs) { Ok(task) } else { Err(Errno::ESRCH) }
}

fn sender(process: &Process) -> Origin {
    Origin::Sender { process: process.id(), value: 0 }
}

fn known(number: usize) -> Result<Signal> {
    u32::try_from(number).ok().and_then(Signal::new).ok_or(Errno::EINVAL)
}

/// Zero only asks whether there is somebody.
fn optional(number: usize) -> Result<Option<Signal>> {
    // The register's upper half is not the caller's `int`.
    match number as u32 {
        0 => Ok(None),
        number => known(number as usize).map(Some),
    }
}

fn check_size(size: usize) -> Result<()> {
    if size == SET { Ok(()) } else { Err(Errno::EINVAL) }
}
