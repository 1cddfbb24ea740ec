//! Sleeping until a time. The tick's soft interrupt wakes who is due, so sleeps end at a tick.

use alloc::sync::Arc;
use alloc::vec::Vec;

use vestibule::Process;

use crate::lock::IrqLock;
use crate::reference::Cpu;
use crate::task::{State, Task};
use crate::{scheduler, timer};

struct Sleeper {
    due: u64,
    task: Arc<Task>,
}

static SLEEPERS: IrqLock<Vec<Sleeper>> = IrqLock::new(Vec::new());

/// Sleeps until the clock shows `due` nanoseconds, or until somebody else wakes the task. True if the time has come.
pub fn until(cpu: &mut Cpu<Process>, due: u64, stop: impl Fn() -> bool) -> bool {
    let task = Task::current_shared(cpu);
    loop {
        SLEEPERS.lock().push(Sleeper { due, task: task.clone() });
        task.set(State::Sleeping);
        let done = timer::nanoseconds() >= due;
        let stopped = stop();
        if !done && !stopped {
            cpu.schedule();
        }
        task.set(State::Runnable);
        SLEEPERS.lock().retain(|sleeper| !Arc::ptr_eq(&sleeper.task, &task));
        if done || stopped {
            return done;
        }
    }
}

/// Is there anybody whose time has come?
pub fn any_due() -> bool {
    SLEEPERS.lock().iter().any(|sleeper| sleeper.due <= timer::nanoseconds())
}

/// Wakes whoever's time has come.
pub fn wake_due() {
    let now = timer::nanoseconds();
    let due: Vec<_> =
        SLEEPERS.lock().iter().filter(|sleeper| sleeper.due <= now).map(|sleeper| sleeper.task.clone()).collect();
    due.iter().for_each(scheduler::wake);
}
