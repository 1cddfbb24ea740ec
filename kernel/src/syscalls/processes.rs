//! Processes: making them and threads, waiting for them, groups and sessions, and who they are.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use linux_raw_sys::general as linux;
use vestibule_arm64::{Frame, fpsimd};

use super::time::write_usage;
use super::{Call, Errno, Result};
use crate::errno;
use crate::layout::PAGE_SIZE;
use crate::process::{News, Process, Status, Wanted, Which, Wish};
use crate::registers::read_register;
use crate::signals::{AlternateStack, INFO_WORDS, Info, Origin, Signal};
use crate::task::{Start, Task};
use crate::user_copy::{read_user, write_user};
use crate::{cpu_time, processes, scheduler};

const THREAD: u32 = linux::CLONE_VM | linux::CLONE_SIGHAND | linux::CLONE_THREAD;
/// What may be asked for. Not among it: namespaces, of which there is one each.
const KNOWN: u32 = THREAD
    | linux::CLONE_FS
    | linux::CLONE_FILES
    | linux::CLONE_VFORK
    | linux::CLONE_PARENT
    | linux::CLONE_SYSVSEM
    | linux::CLONE_SETTLS
    | linux::CLONE_PARENT_SETTID
    | linux::CLONE_CHILD_CLEARTID
    | linux::CLONE_CHILD_SETTID
    | linux::CLONE_DETACHED;

/// What `clone` is asked for.
struct Wanting {
    flags: u32,
    exit_signal: u32,
    stack: usize,
    parent_id: usize,
    thread_pointer: usize,
    child_id: usize,
}

pub(super) fn clone(call: &mut Call) -> Result {
    let flags = call.argument(0) as u32;
    let wanting = Wanting {
        flags: flags & !linux::CSIGNAL,
        exit_signal: flags & linux::CSIGNAL,
        stack: call.argument(1),
        parent_id: call.argument(2),
        thread_pointer: call.argument(3),
        child_id: call.argument(4),
    };
    begin(call, &wanting)
}

/// `clone3`: the same, in memory.
pub(super) fn clone_by_struct(call: &mut Call) -> Result {
    const WORDS: usize = 8;
    let (from, size) = (call.argument(0), call.argument(1));
    if size < WORDS * size_of::<u64>() {
        return Err(Errno::EINVAL);
    }
    // What later versions of the structure have is zero, or asked for in vain.
    let mut rest = (WORDS * size_of::<u64>()..size.min(PAGE_SIZE)).step_by(size_of::<u64>());
    if size > PAGE_SIZE || rest.any(|offset| read_user::<u64>(from.wrapping_add(offset)) != Ok(0)) {
        return Err(Errno::E2BIG);
    }
    let [flags, _, child_id, parent_id, exit_signal, stack, stack_size, thread_pointer] =
        read_user::<[usize; WORDS]>(from)?;
    let flags = u32::try_from(flags).ok().filter(|flags| flags & linux::CSIGNAL == 0).ok_or(Errno::EINVAL)?;
    let exit_signal = u32::try_from(exit_signal).map_err(|_| Errno::EINVAL)?;
    if (stack == 0) != (stack_size == 0) {
        return Err(Errno::EINVAL);
    }
    let stack = stack.wrapping_add(stack_size);
    begin(call, &Wanting { flags, exit_signal, stack, parent_id, thread_pointer, child_id })
}

fn begin(call: &mut Call, wanting: &Wanting) -> Result {
    let flags = wanting.flags;
    let part_of_thread = flags & (linux::CLONE_SIGHAND | linux::CLONE_THREAD);
    if flags & !KNOWN != 0 || part_of_thread != 0 && flags & THREAD != THREAD {
        return Err(Errno::EINVAL);
    }
    let mut frame = *call.frame;
    frame.regs[0] = 0;
    if wanting.stack != 0 {
        frame.sp = wanting.stack as u64;
    }
    if flags & linux::CLONE_THREAD != 0 { thread(call, wanting, frame) } else { process(call, wanting, frame) }
}

fn thread(call: &mut Call, wanting: &Wanting, frame: Frame) -> Result {
    let id = processes::take_number();
    let task = Task::new(id, Some(call.process.clone()), Start::User(frame))?;
    inherit(call, wanting, &task)?;
    task.signals.alternate.set(AlternateStack::NONE);
    call.process.add(&task)?;
    // Who is told that the process ends, stops or has a signal was not told of this one before.
    crate::signals::look_again(&task);
    scheduler::start(task);
    Ok(id as usize)
}

fn process(call: &mut Call, wanting: &Wanting, frame: Frame) -> Result {
    let flags = wanting.flags;
    let has = |flag| flags & flag != 0;
    let exit_signal = match wanting.exit_signal {
        0 => None,
        signal => Some(Signal::new(signal).ok_or(Errno::EINVAL)?),
    };
    let wish = Wish {
        shares_memory: has(linux::CLONE_VM),
        shares_files: has(linux::CLONE_FILES),
        shares_place: has(linux::CLONE_FS),
        is_sibling: has(linux::CLONE_PARENT),
        lends_memory: has(linux::CLONE_VFORK),
        exit_signal,
    };
    let task = call.process.fork(call.cpu, wish, frame)?;
    // Who is told nothing of the child's number still has a child.
    let told = inherit(call, wanting, &task);
    let Some(child) = task.process().cloned() else { unreachable!("a forked task has a process") };
    let id = child.id() as usize;
    scheduler::start(task);
    if has(linux::CLONE_VFORK) {
        call.process.wait_for_memory(call.cpu, &child);
    }
    told.map(|()| id)
}

/// What a task has of the one that made it.
fn inherit(call: &mut Call, wanting: &Wanting, task: &Arc<Task>) -> errno::Result<()> {
    let has = |flag| wanting.flags & flag != 0;
    let own = Task::current_shared(call.cpu);
    let thread_pointer =
        if has(linux::CLONE_SETTLS) { wanting.thread_pointer as u64 } else { read_register!("tpidr_el0") };
    task.user_thread_pointer.store(thread_pointer, Ordering::Relaxed);
    // SAFETY: it has not started.
    unsafe { task.thread().set_fpsimd(&fpsimd::registers(call.cpu)) };
    task.thread().inherit_tag_checks(own.thread());
    task.tag_control.store(own.tag_control.load(Ordering::Relaxed), Ordering::Relaxed);
    task.keys.inherit(&own.keys);
    task.set_affinity(own.affinity());
    task.signals.block(own.signals.blocked());
    if !has(linux::CLONE_VM) || has(linux::CLONE_VFORK) {
        task.signals.alternate.set(own.signals.alternate.get());
    }
    if has(linux::CLONE_CHILD_CLEARTID) {
        task.clear_on_exit.store(wanting.child_id, Ordering::Relaxed);
    }
    if has(linux::CLONE_CHILD_SETTID) {
        task.tell_id_at.store(wanting.child_id, Ordering::Relaxed);
    }
    if has(linux::CLONE_PARENT_SETTID) {
        write_user(wanting.parent_id, &task.id())?;
    }
    Ok(())
}

/// `wait4`.
pub(super) fn wait(call: &mut Call) -> Result {
    let (whom, status_to, options) = (call.argument(0) as i32, call.argument(1), call.argument(2) as u32);
    let usage_to = call.argument(3);
    const OPTIONS: u32 =
        linux::WNOHANG | linux::WUNTRACED | linux::WCONTINUED | linux::__WALL | linux::__WCLONE | linux::__WNOTHREAD;
    if options & !OPTIONS != 0 {
        return Err(Errno::EINVAL);
    }
    // The number without a positive counterpart names nobody.
    const LOWEST: i32 = -i32::MAX;
    let which = match whom {
        i32::MIN => return Err(Errno::ESRCH),
        LOWEST..-1 => Which::OfGroup(whom.unsigned_abs()),
        -1 => Which::Any,
        0 => Which::OfGroup(call.process.group()),
        1.. => Which::One(whom as u32),
    };
    let wanted = Wanted {
        ended: true,
        stopped: options & linux::WUNTRACED != 0,
        continued: options & linux::WCONTINUED != 0,
        at_once: options & linux::WNOHANG != 0,
        only_look: false,
    };
    let Some(News { id, child, status, .. }) = call.process.wait_for_child(call.cpu, which, wanted)? else {
        return Ok(0);
    };
    if status_to != 0 {
        write_user(status_to, &status.to_word())?;
    }
    if usage_to != 0 {
        write_usage(usage_to, &child.all_usage())?;
    }
    Ok(id as usize)
}

/// `waitid`.
pub(super) fn wait_id(call: &mut Call) -> Result {
    let (kind, id, info_to, options) =
        (call.argument(0) as u32, call.argument(1) as u32, call.argument(2), call.argument(3) as u32);
    let which = match kind {
        linux::P_ALL => Which::Any,
        linux::P_PID => Which::One(id),
        linux::P_PGID if id == 0 => Which::OfGroup(call.process.group()),
        linux::P_PGID => Which::OfGroup(id),
        _ => return Err(Errno::EINVAL),
    };
    let has = |flag| options & flag != 0;
    let wanted = Wanted {
        ended: has(linux::WEXITED),
        stopped: has(linux::WSTOPPED),
        continued: has(linux::WCONTINUED),
        at_once: has(linux::WNOHANG),
        only_look: has(linux::WNOWAIT),
    };
    if !(wanted.ended || wanted.stopped || wanted.continued) {
        return Err(Errno::EINVAL);
    }
    let news = call.process.wait_for_child(call.cpu, which, wanted)?;
    if info_to != 0 {
        write_user(info_to, &news.map_or([0; INFO_WORDS], |news| about(&news).to_words()))?;
    }
    Ok(0)
}

fn about(News { id, child, status, is_traced }: &News) -> Info {
    let (code, status) = status.for_parent();
    let code = if *is_traced { linux::CLD_TRAPPED as i32 } else { code };
    let usage = child.usage();
    let times = [usage.user(), usage.system()].map(cpu_time::clock_ticks);
    let origin = Origin::Child { process: *id, status, times };
    Info { signal: Signal::SIGCHLD, code, origin }
}

/// The last task's status is the process's. Who is the only one says so first: nobody kills it on its way.
pub(super) fn exit(call: &mut Call) -> Result {
    let status = Status::exited(call.argument(0));
    if call.process.is_last() {
        call.process.end(status);
    }
    crate::signals::exit_task(call.cpu, status)
}

pub(super) fn exit_group(call: &mut Call) -> Result {
    let status = Status::exited(call.argument(0));
    call.process.end(status);
    crate::signals::exit_task(call.cpu, status)
}

pub(super) fn set_group(call: &mut Call) -> Result {
    let (whom, group) = (call.argument(0) as i32, call.argument(1) as i32);
    let (Ok(whom), Ok(group)) = (u32::try_from(whom), u32::try_from(group)) else { return Err(Errno::EINVAL) };
    let process = whose(call, whom)?;
    let is_child = process.parent_id() == call.process.id();
    if !is_child && !Arc::ptr_eq(&process, call.process) {
        return Err(Errno::ESRCH);
    }
    if is_child && process.has_run_another_program() {
        return Err(Errno::EACCES);
    }
    let group = if group == 0 { process.id() } else { group };
    let session = call.process.session();
    let exists = || processes::of_group(group).any(|member| member.session() == session);
    if process.session() != session || process.session() == process.id() || group != process.id() && !exists() {
        return Err(Errno::EPERM);
    }
    process.set_group(group);
    Ok(0)
}

pub(super) fn group(call: &mut Call) -> Result {
    Ok(whose(call, call.argument(0) as u32)?.group() as usize)
}

pub(super) fn session(call: &mut Call) -> Result {
    Ok(whose(call, call.argument(0) as u32)?.session() as usize)
}

pub(super) fn lead_session(call: &mut Call) -> Result {
    let id = call.process.id();
    if processes::of_group(id).next().is_some() {
        return Err(Errno::EPERM);
    }
    call.process.lead_session();
    Ok(id as usize)
}

/// The process of that number; zero is the caller's.
fn whose(call: &Call, id: u32) -> errno::Result<Arc<Process>> {
    if id == 0 { Ok(call.process.clone()) } else { processes::find(id).ok_or(Errno::ESRCH) }
}
