//! Timers: what is to happen at a time. Each CPU keeps those that were set on it, in order; its hardware timer is set for
//! the first of them or for the next tick, whichever comes first, and a soft interrupt does what is due.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use vestibule::{Atomic, Hardirq, IrqsSaved};
use vestibule_arm64::this_cpu;

use crate::lock::IrqLock;
use crate::percpu::MAX_CPUS;
use crate::reference::{Cpu, Reference};
use crate::timer;

/// What can be done at a time.
pub trait Expires: Send + Sync {
    /// The time has come. In a soft interrupt: must not sleep.
    fn expire(self: Arc<Self>);
}

/// By counter value, and in the order of setting where that is equal.
type Key = (u64, u64);

/// One CPU's timers.
struct Queue {
    waiting: BTreeMap<Key, Arc<dyn Expires>>,
    set_so_far: u64,
}

static QUEUES: [IrqLock<Queue>; MAX_CPUS] =
    [const { IrqLock::new(Queue { waiting: BTreeMap::new(), set_so_far: 0 }) }; MAX_CPUS];

/// When the first of each CPU's is due, by the counter: the interrupt looks here, and takes no lock.
static FIRST: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(NEVER) }; MAX_CPUS];
const NEVER: u64 = u64::MAX;

/// A timer that was set, to take it back by.
#[derive(Debug)]
pub struct Timer {
    cpu: usize,
    key: Key,
}

impl Queue {
    /// Tells the interrupt what comes first now.
    fn publish_first(&self, cpu: usize) {
        let first = self.waiting.first_key_value().map_or(NEVER, |((due, _), _)| *due);
        FIRST[cpu].store(first, Ordering::Relaxed);
    }
}

/// Has `what` expire on this CPU when the clock shows `due` nanoseconds, or soon if it does already.
pub fn set(due: u64, what: Arc<dyn Expires>) -> Timer {
    let here = IrqsSaved::<Reference>::save();
    let cpu = this_cpu(here.cpu()).number();
    let mut queue = QUEUES[cpu].lock();
    queue.set_so_far += 1;
    let key = (timer::counter_at(due), queue.set_so_far);
    queue.waiting.insert(key, what);
    if key.0 < FIRST[cpu].load(Ordering::Relaxed) {
        FIRST[cpu].store(key.0, Ordering::Relaxed);
        timer::interrupt_by(cpu, key.0);
    }
    Timer { cpu, key }
}

impl Timer {
    /// Takes it back. False if it has expired, or does so just now.
    pub fn cancel(&self) -> bool {
        let mut queue = QUEUES[self.cpu].lock();
        let cancelled = queue.waiting.remove(&self.key);
        queue.publish_first(self.cpu);
        drop(queue);
        // Outside the lock: it may be the last count of what would have expired.
        cancelled.is_some()
    }
}

/// Is anything due on this CPU? If not, its hardware timer is set for the first thing that will be. From the interrupt's
/// body.
pub fn any_due(cpu: &Cpu<Hardirq>) -> bool {
    let number = this_cpu(cpu).number();
    let first = FIRST[number].load(Ordering::Relaxed);
    let due = first <= timer::counter();
    if !due {
        timer::interrupt_by(number, first);
    }
    due
}

/// Does what is due on this CPU. From the soft interrupt.
pub fn expire(cpu: &Cpu<Atomic>) {
    let number = this_cpu(cpu).number();
    let now = timer::counter();
    while let Some(what) = take_due(number, now) {
        what.expire();
    }
}

/// One that is due by `now`; if there is none, the hardware timer is set for the first that will be.
fn take_due(cpu: usize, now: u64) -> Option<Arc<dyn Expires>> {
    let mut queue = QUEUES[cpu].lock();
    let due = queue.waiting.first_entry().filter(|first| first.key().0 <= now).map(|first| first.remove());
    queue.publish_first(cpu);
    if due.is_none() {
        timer::interrupt_by(cpu, FIRST[cpu].load(Ordering::Relaxed));
    }
    due
}
