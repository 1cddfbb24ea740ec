//! The tracer's side: the requests of `ptrace`.

use alloc::sync::Arc;

use vestibule::Process as ProcessContext;
use vestibule_arm64::Frame;

use super::registers::{LARGEST, Set};
use super::{Stop, Until, attach, detach, resume};
use crate::address_space::untagged;
use crate::errno::{Errno, Result};
use crate::process::Process;
use crate::reference::Cpu;
use crate::signals::{self, Info, Origin, SI_USER, Signal};
use crate::task::Task;
use crate::user_copy::{check_range, copy_from_user, copy_to_user, read_user, write_user};
use crate::{processes, scheduler};

/// Stops at system calls are told from others.
pub(super) const TRACESYSGOOD: u32 = 1;
/// Whom it traces ends with the tracer.
pub(super) const EXITKILL: u32 = 1 << 20;
const OPTIONS: u32 = TRACESYSGOOD | EXITKILL;

const TRACEME: usize = 0;
const PEEKTEXT: usize = 1;
const PEEKDATA: usize = 2;
const POKETEXT: usize = 4;
const POKEDATA: usize = 5;
const CONT: usize = 7;
const KILL: usize = 8;
const SINGLESTEP: usize = 9;
const ATTACH: usize = 16;
const DETACH: usize = 17;
const SYSCALL: usize = 24;
const SETOPTIONS: usize = 0x4200;
const GETSIGINFO: usize = 0x4202;
const GETREGSET: usize = 0x4204;
const SETREGSET: usize = 0x4205;
const SEIZE: usize = 0x4206;

/// `ptrace(what, whom, address, data)` by a task of `process`.
pub fn request(
    cpu: &mut Cpu<ProcessContext>,
    process: &Arc<Process>,
    [what, whom, address, data]: [usize; 4],
) -> Result {
    if what == TRACEME {
        let task = Task::current_shared(cpu);
        let parent = process.parent().ok_or(Errno::EPERM)?;
        return attach(&parent, &task).then_some(0).ok_or(Errno::EPERM);
    }
    let task = u32::try_from(whom).ok().and_then(processes::find_task).ok_or(Errno::ESRCH)?;
    match what {
        ATTACH | SEIZE => begin(process, &task, (what == SEIZE).then_some((address, data))),
        _ if !task.traced.is_traced_by(process) => Err(Errno::ESRCH),
        KILL => {
            signals::send_task(&task, Info::kernel(Signal::SIGKILL));
            Ok(0)
        }
        _ => of_stopped(cpu, &task, what, address, data),
    }
}

/// A process does not trace itself. One that seizes says nothing where Linux knows nothing yet, and options, before it traces.
fn begin(process: &Arc<Process>, task: &Arc<Task>, seizes: Option<(usize, usize)>) -> Result {
    if seizes.is_some_and(|(address, options)| address != 0 || options & !(OPTIONS as usize) != 0) {
        return Err(Errno::EIO);
    }
    let is_own = task.process().is_none_or(|traced| Arc::ptr_eq(traced, process));
    if is_own || !attach(process, task) {
        return Err(Errno::EPERM);
    }
    if let Some((_, options)) = seizes {
        set_options(task, options as u32)?;
    } else {
        let origin = Origin::Sender { process: process.id(), value: 0 };
        signals::send_task(task, Info { signal: Signal::SIGSTOP, code: SI_USER, origin });
    }
    Ok(0)
}

fn of_stopped(cpu: &mut Cpu<ProcessContext>, task: &Arc<Task>, what: usize, address: usize, data: usize) -> Result {
    let stop = stop_of(task)?;
    match what {
        PEEKTEXT | PEEKDATA => write_user(data, &peek(cpu, task, address)?)?,
        POKETEXT | POKEDATA => poke(cpu, task, address, data)?,
        CONT => resume(task, Until::Signal, signal(data)?),
        SYSCALL => resume(task, Until::SystemCall, signal(data)?),
        SINGLESTEP => resume(task, Until::Instruction, signal(data)?),
        DETACH => detach(task, signal(data)?),
        SETOPTIONS => set_options(task, data as u32)?,
        GETSIGINFO => write_user(data, &stop.info.to_words())?,
        GETREGSET => read_registers(cpu, task, Set::new(address)?, data)?,
        SETREGSET => write_registers(cpu, task, Set::new(address)?, data)?,
        _ => return Err(Errno::EIO),
    }
    Ok(0)
}

fn stop_of(task: &Task) -> Result<Stop> {
    task.traced.state.lock().stop.clone().ok_or(Errno::ESRCH)
}

fn signal(number: usize) -> Result<Option<Signal>> {
    match u32::try_from(number) {
        Ok(0) => Ok(None),
        Ok(number) => Signal::new(number).map(Some).ok_or(Errno::EIO),
        Err(_) => Err(Errno::EIO),
    }
}

fn set_options(task: &Task, options: u32) -> Result<()> {
    if options & !OPTIONS != 0 {
        return Err(Errno::EINVAL);
    }
    task.traced.state.lock().options = options;
    Ok(())
}

/// With the registers of a task that is stopped: its frame, while it runs on no CPU. It may be on its way to its stop.
fn with_registers<R>(
    cpu: &mut Cpu<ProcessContext>,
    task: &Arc<Task>,
    mut look: impl FnMut(&mut Frame) -> Result<R>,
) -> Result<R> {
    loop {
        let looked = scheduler::while_off_cpu(task, || {
            let frame = stop_of(task)?.frame as *mut Frame;
            // SAFETY: it points to the top of the task's stack, where it lent the frame for as long as it is stopped. The task
            // does not run now, so it is, and does not touch it.
            look(unsafe { &mut *frame })
        });
        match looked {
            Some(result) => return result,
            None => cpu.schedule(),
        }
        stop_of(task)?;
    }
}

/// The `iovec` at `place`: where, and how much of the set.
fn wanted(set: Set, place: usize) -> Result<(usize, usize)> {
    let [address, size]: [usize; 2] = read_user(place)?;
    if size % set.granule() != 0 {
        return Err(Errno::EINVAL);
    }
    Ok((address, size.min(set.size())))
}

fn read_registers(cpu: &mut Cpu<ProcessContext>, task: &Arc<Task>, set: Set, place: usize) -> Result<()> {
    let (address, size) = wanted(set, place)?;
    // SAFETY: it does not run.
    let bytes = with_registers(cpu, task, |frame| Ok(unsafe { set.read(frame, task.thread()) }))?;
    copy_to_user(address, &bytes[..size])?;
    Ok(write_user(place, &[address, size])?)
}

fn write_registers(cpu: &mut Cpu<ProcessContext>, task: &Arc<Task>, set: Set, place: usize) -> Result<()> {
    let (address, size) = wanted(set, place)?;
    let mut bytes = [0; LARGEST];
    let bytes = &mut bytes[..size];
    copy_from_user(bytes, address)?;
    // SAFETY: it does not run.
    with_registers(cpu, task, |frame| unsafe { set.write(bytes, frame, task.thread()) })?;
    Ok(write_user(place, &[address, size])?)
}

const WORD: usize = size_of::<usize>();

fn peek(cpu: &mut Cpu<ProcessContext>, task: &Arc<Task>, address: usize) -> Result<usize> {
    check_range(address, WORD).map_err(|_| Errno::EIO)?;
    let memory = task.process().and_then(|process| process.memory()).ok_or(Errno::ESRCH)?;
    let mut bytes = [0; WORD];
    memory.lock(cpu).read(untagged(address), &mut bytes).map_err(|_| Errno::EIO)?;
    Ok(usize::from_le_bytes(bytes))
}

fn poke(cpu: &mut Cpu<ProcessContext>, task: &Arc<Task>, address: usize, data: usize) -> Result<()> {
    check_range(address, WORD).map_err(|_| Errno::EIO)?;
    let memory = task.process().and_then(|process| process.memory()).ok_or(Errno::ESRCH)?;
    memory.lock(cpu).write(untagged(address), &data.to_le_bytes()).map_err(|_| Errno::EIO)
}
