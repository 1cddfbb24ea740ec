//! Sleeping until a time.

use alloc::sync::Arc;

use vestibule::Process;

use crate::reference::Cpu;
use crate::task::{State, Task};
use crate::timers::{self, Expires};
use crate::{scheduler, timer};

/// A task that sleeps until a time wakes then.
impl Expires for Task {
    fn expire(self: Arc<Self>) {
        scheduler::wake(&self);
    }
}

/// Sleeps until the clock shows `due` nanoseconds, or until `stop` holds and somebody wakes the task for it. True if the
/// time has come.
pub fn until(cpu: &mut Cpu<Process>, due: u64, stop: impl Fn() -> bool) -> bool {
    let task = Task::current_shared(cpu);
    let alarm = timers::set(due, task.clone());
    loop {
        task.set(State::Sleeping);
        let done = timer::nanoseconds() >= due;
        let stopped = stop();
        if !done && !stopped {
            cpu.schedule();
        }
        task.set(State::Runnable);
        if done || stopped {
            alarm.cancel();
            return done;
        }
    }
}
