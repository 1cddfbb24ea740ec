//! Futexes: a task sleeps while a word of user memory has a value.

use alloc::sync::Arc;
use alloc::vec::Vec;

use vestibule::Process as ProcessContext;

use crate::lock::IrqLock;
use crate::reference::Cpu;
use crate::task::{State, Task};
use crate::user_copy::{Fault, read_user};
use crate::{scheduler, sleep};

struct Waiter {
    process: u32,
    address: usize,
    task: Arc<Task>,
}

static WAITERS: IrqLock<Vec<Waiter>> = IrqLock::new(Vec::new());

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Woken {
    /// By a wake-up.
    Yes,
    /// The word was another value to begin with.
    Different,
    /// The time was over.
    TimedOut,
    /// The process ends.
    Stopped,
}

/// Sleeps while the word at `address` is `value`, until woken or until the clock shows `due`.
pub fn wait(
    cpu: &mut Cpu<ProcessContext>,
    process: &crate::process::Process,
    address: usize,
    value: u32,
    due: Option<u64>,
) -> Result<Woken, Fault> {
    let task = Task::current_shared(cpu);
    // In the list before the word is read: whoever changes it after that finds this task there.
    WAITERS.lock().push(Waiter { process: process.id(), address, task: task.clone() });
    let waits = || WAITERS.lock().iter().any(|waiter| Arc::ptr_eq(&waiter.task, &task));
    let forget = || WAITERS.lock().retain(|waiter| !Arc::ptr_eq(&waiter.task, &task));
    match read_user::<u32>(address) {
        Ok(now) if now == value => {}
        other => {
            forget();
            return other.map(|_| Woken::Different);
        }
    }
    let stop = || !waits() || process.is_ending();
    match due {
        Some(due) => _ = sleep::until(cpu, due, stop),
        None => loop {
            task.set(State::Sleeping);
            let stopped = stop();
            if !stopped {
                cpu.schedule();
            }
            task.set(State::Runnable);
            if stopped {
                break;
            }
        },
    }
    let woken = if !waits() {
        Woken::Yes
    } else if process.is_ending() {
        Woken::Stopped
    } else {
        Woken::TimedOut
    };
    forget();
    Ok(woken)
}

/// Wakes up to `most` tasks that wait for the word at `address`; how many.
pub fn wake(process: u32, address: usize, most: usize) -> usize {
    let mut woken = Vec::new();
    WAITERS.lock().retain(|waiter| {
        let takes = woken.len() < most && waiter.process == process && waiter.address == address;
        if takes {
            woken.push(waiter.task.clone());
        }
        !takes
    });
    woken.iter().for_each(scheduler::wake);
    woken.len()
}
