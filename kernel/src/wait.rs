//! Sleeping until something is so, and a lock whose waiters sleep.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::cell::{Cell, UnsafeCell};
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, Ordering};

use vestibule::Process;

use crate::lock::IrqLock;
use crate::reference::Cpu;
use crate::task::{State, Task};
use crate::{held, scheduler, signals, sleep};

/// A signal came first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interrupted;

/// Tasks that wait for the same thing.
pub struct WaitQueue(IrqLock<VecDeque<Arc<Task>>>);

impl WaitQueue {
    /// Nobody waits.
    pub const fn new() -> Self {
        Self(IrqLock::new(VecDeque::new()))
    }

    /// Sleeps until `holds`. Who makes it hold does so first and wakes then; a wake-up in between is not lost, because
    /// the task is in the queue and asleep by name before it looks.
    pub fn wait_until(&self, cpu: &mut Cpu<Process>, holds: impl Fn() -> bool) {
        let task = Task::current_shared(cpu);
        self.add(&task);
        loop {
            task.set(State::Sleeping);
            if holds() {
                break;
            }
            cpu.schedule();
        }
        task.set(State::Runnable);
        self.remove(&task);
    }

    /// The same, until a signal comes for the task. What holds goes before a signal.
    pub fn wait_interruptibly(&self, cpu: &mut Cpu<Process>, holds: impl Fn() -> bool) -> Result<(), Interrupted> {
        let task = Task::current_shared(cpu);
        let held = Cell::new(false);
        self.wait_until(cpu, || {
            held.set(holds());
            held.get() || signals::is_interrupted(&task)
        });
        if held.get() { Ok(()) } else { Err(Interrupted) }
    }

    fn add(&self, task: &Arc<Task>) {
        self.0.lock().push_back(task.clone());
    }

    fn remove(&self, task: &Arc<Task>) {
        self.0.lock().retain(|waiter| !Arc::ptr_eq(waiter, task));
    }

    /// Wakes everybody; who still has to wait sleeps again.
    pub fn wake_all(&self) {
        // Without the lock: a waiter on its way out takes it, and waking takes a run queue's. Mostly there is nobody, or one.
        let queue = self.0.lock();
        if queue.len() > 1 {
            let waiting = queue.clone();
            drop(queue);
            return waiting.iter().for_each(scheduler::wake);
        }
        let waiting = queue.front().cloned();
        drop(queue);
        if let Some(task) = waiting {
            scheduler::wake(&task);
        }
    }
}

/// Sleeps until `holds`, which whoever wakes one of `queues` may have made so, or until the clock shows `due`; which of the
/// two. Or until a signal comes for the task.
pub fn on_any(
    cpu: &mut Cpu<Process>,
    queues: &[&WaitQueue],
    due: Option<u64>,
    holds: impl Fn() -> bool,
) -> Result<bool, Interrupted> {
    let task = Task::current_shared(cpu);
    let held = Cell::new(false);
    queues.iter().for_each(|queue| queue.add(&task));
    let stop = || {
        held.set(holds());
        held.get() || signals::is_interrupted(&task)
    };
    let is_late = sleep::until(cpu, due.unwrap_or(sleep::NEVER), stop);
    queues.iter().for_each(|queue| queue.remove(&task));
    if held.get() || is_late { Ok(held.get()) } else { Err(Interrupted) }
}

/// A lock for code that may sleep, faults in user copies among it.
pub struct Mutex<T> {
    locked: AtomicBool,
    waiting: WaitQueue,
    value: UnsafeCell<T>,
}

// SAFETY: one task at a time has the value.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    /// Unlocked.
    pub const fn new(value: T) -> Self {
        Self { locked: AtomicBool::new(false), waiting: WaitQueue::new(), value: UnsafeCell::new(value) }
    }

    /// Sleeps until it is free, and takes it.
    pub fn lock(&self, cpu: &mut Cpu<Process>) -> MutexGuard<'_, T> {
        if !self.try_lock() {
            self.waiting.wait_until(cpu, || self.try_lock());
        }
        held::take();
        MutexGuard { mutex: self }
    }

    fn try_lock(&self) -> bool {
        self.locked.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }
}

/// Holds a [`Mutex`].
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the guard is the one that `try_lock` let through.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        held::give();
        self.mutex.locked.store(false, Ordering::Release);
        self.mutex.waiting.wake_all();
    }
}
