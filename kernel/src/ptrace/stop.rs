//! The traced task's side: it stops, its tracer hears of that, and it goes on as it is told.

use alloc::sync::Arc;

use linux_raw_sys::general as linux;
use vestibule::{Call, Process as ProcessContext};
use vestibule_arm64::{Frame, NO_SYSCALL, step};

use super::{Stop, request};
use crate::errno::Errno;
use crate::process::Status;
use crate::reference::{Cpu, Reference};
use crate::signals::{self, Info, Origin, SI_USER, Signal};
use crate::syscalls;
use crate::task::Task;

/// Who looks at system calls: tracers.
#[derive(Debug)]
pub enum SyscallWork {}

impl vestibule::SyscallWork<Reference> for SyscallWork {
    const ON: bool = true;

    fn entry(mut cpu: Cpu<ProcessContext>, frame: &mut Frame) -> (Cpu<ProcessContext>, Call) {
        if is_none(frame) {
            frame.regs[0] = Errno::ENOSYS.to_register();
        }
        at_system_call(&mut cpu, frame);
        // The instruction of a step that begins here is the call's.
        step::over(frame);
        let call = if is_none(frame) { Call::Skip } else { Call::Make };
        (cpu, call)
    }

    fn exit(mut cpu: Cpu<ProcessContext>, frame: &mut Frame) -> Cpu<ProcessContext> {
        at_system_call(&mut cpu, frame);
        cpu
    }
}

const fn is_none(frame: &Frame) -> bool {
    syscalls::number(frame) == NO_SYSCALL as u32
}

fn at_system_call(cpu: &mut Cpu<ProcessContext>, frame: &mut Frame) {
    let task = Task::current_shared(cpu);
    let marked = task.traced.state.lock().options & request::TRACESYSGOOD != 0;
    let status = if marked { Status::stopped_at_system_call() } else { Status::stopped(Signal::SIGTRAP) };
    let code = if marked { (Signal::SIGTRAP.number() | 0x80) as i32 } else { Signal::SIGTRAP.number() as i32 };
    let info = Info { signal: Signal::SIGTRAP, code, origin: sent_by(task.id()) };
    // As in Linux, what the tracer gives is sent, not delivered here.
    if let Some(signal) = stop(cpu, &task, frame, status, info) {
        signals::send_task(&task, Info { signal, code: SI_USER, origin: sent_by(task.id()) });
    }
}

/// A signal that would be delivered now, as its tracer wants it; if there is one, it sees it first.
pub fn shown(cpu: &mut Cpu<ProcessContext>, task: &Arc<Task>, frame: &mut Frame, info: Info) -> Option<Info> {
    let tracer = task.traced.tracer();
    // Only a tracer asks for steps: one that is gone would have its task end of them.
    let Some(tracer) = tracer else { return Some(info).filter(|info| !is_step(info)) };
    let signal = stop(cpu, task, frame, Status::stopped(info.signal), info.clone())?;
    let same = signal == info.signal;
    Some(if same { info } else { Info { signal, code: SI_USER, origin: sent_by(tracer.id()) } })
}

fn is_step(info: &Info) -> bool {
    info.signal == Signal::SIGTRAP && info.code == linux::TRAP_TRACE as i32
}

/// The current task runs another program: its tracer sees that as a trap.
pub fn began_program(task: &Arc<Task>) {
    if task.traced.tracer().is_some() {
        signals::send_task(task, Info { signal: Signal::SIGTRAP, code: SI_USER, origin: sent_by(task.id()) });
    }
}

const fn sent_by(process: u32) -> Origin {
    Origin::Sender { process, value: 0 }
}

/// The current task stops until it is told to go on, or is to end; the signal that it goes on with. Untraced, it goes on at
/// once, with its own.
fn stop(
    cpu: &mut Cpu<ProcessContext>,
    task: &Arc<Task>,
    frame: &mut Frame,
    status: Status,
    info: Info,
) -> Option<Signal> {
    let about = info.signal.number() as u16;
    let mut state = task.traced.state.lock();
    let tracer = state.tracer.upgrade()?;
    state.stop = Some(Stop { status, told: false, info, frame: core::ptr::from_mut(frame).addr() });
    state.signal = None;
    drop(state);
    let is_to_end = || task.process().is_none_or(|process| process.is_ending_task(task));
    if !tracer.actions.lock().get(Signal::SIGCHLD).has(linux::SA_NOCLDSTOP) {
        let origin = Origin::Child { process: task.id(), status: about, times: [0; 2] };
        signals::send(&tracer, Info { signal: Signal::SIGCHLD, code: linux::CLD_TRAPPED as i32, origin });
    }
    // Whoever waits for it holds no count of the tracer over the wait: that one may end meanwhile.
    tracer.children_changed.wake_all();
    drop(tracer);
    task.traced.resumed.wait_until(cpu, || task.traced.state.lock().stop.is_none() || is_to_end());
    let mut state = task.traced.state.lock();
    state.stop = None;
    let (steps, signal) = (state.steps, state.signal.take());
    drop(state);
    if steps {
        step::begin(cpu, frame)
    } else {
        step::end(cpu, frame)
    }
    signal
}
