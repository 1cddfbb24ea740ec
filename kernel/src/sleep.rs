//! Sleeping until a time.

use alloc::sync::Arc;

use vestibule::Process;

use crate::reference::Cpu;
use crate::task::{State, Task};
use crate::timers::{self, Expires, Timer};
use crate::wait::Interrupted;
use crate::{scheduler, signals, timer};

/// A task that sleeps until a time wakes then.
impl Expires for Task {
    fn expire(self: Arc<Self>) {
        scheduler::wake(&self);
    }
}

/// A time that does not come.
pub const NEVER: u64 = u64::MAX;

/// Sleeps until the clock shows `due` nanoseconds, or until `stop` holds and somebody wakes the task for it. True if the
/// time has come.
pub fn until(cpu: &mut Cpu<Process>, due: u64, stop: impl Fn() -> bool) -> bool {
    let task = Task::current_shared(cpu);
    let alarm = (due != NEVER).then(|| timers::set(due, task.clone()));
    loop {
        task.set(State::Sleeping);
        let done = timer::nanoseconds() >= due;
        let stopped = stop();
        if !done && !stopped {
            cpu.schedule();
        }
        task.set(State::Runnable);
        if done || stopped {
            alarm.as_ref().map(Timer::cancel);
            return done;
        }
    }
}

/// The same for a user, until a signal comes.
pub fn interruptibly(cpu: &mut Cpu<Process>, due: u64) -> Result<(), Interrupted> {
    let task = Task::current_shared(cpu);
    if until(cpu, due, || signals::is_interrupted(&task)) { Ok(()) } else { Err(Interrupted) }
}
