//! `ptrace`: a process traces tasks of others.
//!
//! ```text
//!   the traced task                                       its tracer
//!   a signal, a system call --> stop: told to the tracer --> wait4 says so
//!                                 |                          looks, changes
//!   goes on as it is told  <-- resumed, with a signal or none  CONT, SYSCALL, SINGLESTEP, DETACH
//! ```
//!
//! What a tracer reads and changes of a task it does while that is stopped and runs on no CPU.

mod registers;
mod request;
mod stop;

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use vestibule::Flags;

use crate::lock::IrqLock;
use crate::planted::Bug;
use crate::process::{Process, Status};
use crate::reference::Machine;
use crate::signals::{Info, Signal};
use crate::task::Task;
use crate::wait::WaitQueue;

pub use request::request;
pub use stop::{SyscallWork, began_program, shown};

/// What a task has to do with being traced.
pub struct Traced {
    /// Somebody traces it, or has. That who attached to it is seen by all that he lets know of it.
    is_traced: AtomicBool,
    state: IrqLock<State>,
    /// Woken when it may go on.
    resumed: WaitQueue,
}

struct State {
    tracer: Weak<Process>,
    options: u32,
    stop: Option<Stop>,
    /// The signal that it goes on with.
    signal: Option<Signal>,
    /// It goes on for one instruction.
    steps: bool,
    /// It has ended: nobody can begin to trace it.
    ended: bool,
}

/// It is stopped.
#[derive(Clone)]
struct Stop {
    status: Status,
    /// The tracer has been told.
    told: bool,
    info: Info,
    /// Where the task's user frame lies.
    frame: usize,
}

impl State {
    /// Nothing has come of it yet.
    const fn of(tracer: Weak<Process>) -> State {
        State { tracer, options: 0, stop: None, signal: None, steps: false, ended: false }
    }
}

impl Traced {
    /// Nobody traces it.
    pub const fn new() -> Traced {
        let state = IrqLock::new(State::of(Weak::new()));
        Traced { is_traced: AtomicBool::new(false), state, resumed: WaitQueue::new() }
    }

    /// Who traces it.
    pub fn tracer(&self) -> Option<Arc<Process>> {
        if self.is_traced.load(Ordering::Relaxed) { self.state.lock().tracer.upgrade() } else { None }
    }

    /// Its tracer has it go on for one instruction.
    pub fn is_stepped(&self) -> bool {
        self.is_traced.load(Ordering::Relaxed) && {
            let state = self.state.lock();
            state.steps && state.tracer.strong_count() > 0
        }
    }

    fn is_traced_by(&self, process: &Arc<Process>) -> bool {
        self.tracer().is_some_and(|tracer| Arc::ptr_eq(&tracer, process))
    }

    /// What its tracer has not been told; told with that, unless it only looks.
    pub fn take_news(&self, only_look: bool) -> Option<Status> {
        let mut state = self.state.lock();
        let stop = state.stop.as_mut().filter(|stop| !stop.told)?;
        stop.told = !only_look;
        Some(stop.status)
    }
}

/// `tracer` traces `task` from here on; false if somebody does already, or one of the two has ended.
fn attach(tracer: &Arc<Process>, task: &Arc<Task>) -> bool {
    // With both locked: whoever of the two ends finds the other, or has said before that it ends.
    let mut tracees = tracer.tracees.lock();
    let mut state = task.traced.state.lock();
    if tracer.is_ending() || state.ended || state.tracer.upgrade().is_some() || tracees.try_reserve(1).is_err() {
        return false;
    }
    *state = State::of(Arc::downgrade(tracer));
    task.traced.is_traced.store(true, Ordering::Relaxed);
    tracees.push(task.clone());
    true
}

/// Nobody traces it any more.
fn detach(task: &Arc<Task>, signal: Option<Signal>) {
    if let Some(tracer) = task.traced.tracer() {
        tracer.tracees.lock().retain(|other| !Arc::ptr_eq(other, task));
    }
    task.traced.state.lock().tracer = Weak::new();
    resume(task, Until::Signal, signal);
}

/// How far a task goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Past all system calls.
    Signal,
    /// To its next one.
    SystemCall,
    /// To its next instruction.
    Instruction,
}

/// It goes on.
fn resume(task: &Arc<Task>, until: Until, signal: Option<Signal>) {
    const BOTH: Flags = Flags::SYSCALL_ENTRY.and(Flags::SYSCALL_EXIT);
    if until == Until::SystemCall {
        task.word().set::<Machine>(BOTH)
    } else {
        task.word().clear::<Machine>(BOTH)
    }
    let mut state = task.traced.state.lock();
    let steps_on = Bug::KeptStep.is_planted() && state.steps;
    (state.stop, state.signal, state.steps) = (None, signal, until == Until::Instruction || steps_on);
    drop(state);
    task.traced.resumed.wake_all();
}

/// A task has ended: its tracer has nothing more to do with it, nor to wait for.
pub fn task_ended(task: &Task) {
    let mut state = task.traced.state.lock();
    state.ended = true;
    let tracer = core::mem::take(&mut state.tracer).upgrade();
    drop(state);
    if let Some(tracer) = tracer {
        tracer.tracees.lock().retain(|other| other.id() != task.id());
        tracer.children_changed.wake_all();
    }
}

/// A process has ended: whom it traced goes on, or ends too if it asked for that.
pub fn tracer_ended(process: &Process) {
    let tracees: Vec<_> = core::mem::take(&mut *process.tracees.lock());
    for task in tracees {
        let ends = task.traced.state.lock().options & request::EXITKILL != 0;
        detach(&task, None);
        if let Some(traced) = task.process().filter(|_| ends) {
            traced.end(Status::killed(Signal::SIGKILL));
        }
    }
}
