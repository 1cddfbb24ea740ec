//! Futexes: a task sleeps while a word of user memory has a value, and who changes the word wakes it.
//!
//! A waiter looks at the word under the lock of the bucket that it then waits in; who wakes takes that lock after changing
//! the word. So either the waiter sees the change, or the waker sees the waiter.

mod key;
pub mod robust;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::cmp::Ordering;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::SeqCst;

use vestibule::Process as ProcessContext;

pub use key::Key;

use crate::errno::{Errno, Result};
use crate::lock::IrqLock;
use crate::planted::Bug;
use crate::reference::Cpu;
use crate::task::Task;
use crate::user_copy::{Fault, compare_exchange_user, read_user};
use crate::{scheduler, signals, sleep};

/// A task that waits.
struct Waiter {
    key: Key,
    /// Who wakes says for which of these.
    bits: u32,
    task: Arc<Task>,
}

/// Those whose keys have one hash, in the order in which they came.
type Bucket = VecDeque<Waiter>;

const BUCKETS: usize = 256;
static WAITERS: [IrqLock<Bucket>; BUCKETS] = [const { IrqLock::new(Bucket::new()) }; BUCKETS];

/// Where a task waits: changed under the lock of the bucket that it names.
pub struct Place(AtomicUsize);

impl Place {
    const NOWHERE: usize = usize::MAX;

    /// Nowhere.
    pub const fn new() -> Place {
        Place(AtomicUsize::new(Self::NOWHERE))
    }

    fn get(&self) -> Option<usize> {
        Some(self.0.load(SeqCst)).filter(|bucket| *bucket != Self::NOWHERE)
    }

    fn set(&self, bucket: usize) {
        self.0.store(bucket, SeqCst);
    }

    /// Somebody took it out: its task is woken.
    fn leave(&self) {
        self.0.store(Self::NOWHERE, SeqCst);
    }
}

/// What a task waits for.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    /// Where the word is.
    pub address: usize,
    /// Only this address space can reach it.
    pub private: bool,
    /// What the word is.
    pub value: u32,
    /// Which wake-ups it hears.
    pub bits: u32,
    /// Until when, by the clock of [`timer`](crate::timer).
    pub due: Option<u64>,
}

/// Every wake-up.
pub const ALL_BITS: u32 = u32::MAX;

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Woken {
    /// By a wake-up.
    Yes,
    /// The word was another value to begin with.
    Different,
    /// The time was over.
    TimedOut,
    /// A signal came first.
    Interrupted,
}

/// Sleeps while the word has that value, until woken.
pub fn wait(cpu: &mut Cpu<ProcessContext>, wait: &Wait) -> Result<Woken> {
    let key = Key::of(cpu, wait.address, wait.private)?;
    let task = Task::current_shared(cpu);
    if !enter(key, wait, &task)? {
        return Ok(Woken::Different);
    }
    let stop = || task.futex.get().is_none() || signals::is_interrupted(&task);
    let passed = sleep::until(cpu, wait.due.unwrap_or(sleep::NEVER), stop);
    Ok(match leave(&task) {
        // Whoever took it out counts on its having been woken.
        false => Woken::Yes,
        true if passed => Woken::TimedOut,
        true => Woken::Interrupted,
    })
}

/// Puts the task in its bucket, if the word has the value.
fn enter(key: Key, wait: &Wait, task: &Arc<Task>) -> core::result::Result<bool, Fault> {
    loop {
        let mut bucket = WAITERS[key.bucket()].lock();
        match read_user::<u32>(wait.address) {
            Ok(word) if word == wait.value => {
                task.futex.set(key.bucket());
                bucket.push_back(Waiter { key, bits: wait.bits, task: task.clone() });
                return Ok(true);
            }
            Ok(_) => return Ok(false),
            // Nothing is resolved with interrupts masked: once more without the lock, so that the page comes.
            Err(Fault) => drop(bucket),
        }
        read_user::<u32>(wait.address)?;
    }
}

/// Takes the task out of the bucket that it waits in; false if somebody has.
fn leave(task: &Arc<Task>) -> bool {
    while let Some(number) = task.futex.get() {
        let mut bucket = WAITERS[number].lock();
        // It may have been moved meanwhile.
        if task.futex.get() == Some(number) {
            bucket.retain(|waiter| !Arc::ptr_eq(&waiter.task, task));
            task.futex.leave();
            return true;
        }
    }
    false
}

/// Wakes up to `most` tasks that wait with that key for any of `bits`; how many.
pub fn wake(key: Key, most: usize, bits: u32) -> usize {
    let bucket = &WAITERS[key.bucket()];
    // Who comes back while this goes on has seen the word as it is now.
    let most = most.min(bucket.lock().len());
    let mut woken = 0;
    while woken < most {
        let Some(task) = take_first(&mut bucket.lock(), key, bits) else { break };
        if !Bug::LostWakeup.strikes() {
            scheduler::wake(&task);
        }
        woken += 1;
    }
    woken
}

fn take_first(bucket: &mut Bucket, key: Key, bits: u32) -> Option<Arc<Task>> {
    let index = bucket.iter().position(|waiter| waiter.key == key && waiter.bits & bits != 0)?;
    let waiter = bucket.remove(index)?;
    waiter.task.futex.leave();
    Some(waiter.task)
}

/// Wakes under the bucket's lock: few, for operations on two words.
fn wake_locked(bucket: &mut Bucket, key: Key, most: usize) -> usize {
    let mut woken = 0;
    while woken < most {
        let Some(task) = take_first(bucket, key, ALL_BITS) else { break };
        scheduler::wake(&task);
        woken += 1;
    }
    woken
}

/// How many of whom to wake, and then to have wait elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Requeue {
    /// Who waits so.
    pub from: Key,
    /// Waits so from here on.
    pub to: Key,
    /// So many are woken.
    pub wake: usize,
    /// So many move.
    pub moves: usize,
}

/// Wakes some and moves others, if the word at the address in `expected` has that value; how many in all.
pub fn requeue(requeue: &Requeue, expected: Option<(usize, u32)>) -> Result {
    loop {
        let done = with_both(requeue.from, requeue.to, |from, to| {
            match expected.map(|(address, value)| (read_user::<u32>(address), value)) {
                Some((Err(Fault), _)) => None,
                Some((Ok(word), value)) if word != value => Some(Err(Errno::EAGAIN)),
                _ => Some(Ok(move_waiters(requeue, from, to))),
            }
        });
        match (done, expected) {
            (Some(done), _) => return done,
            (None, Some((address, _))) => _ = read_user::<u32>(address)?,
            (None, None) => unreachable!("nothing was read, and faulted"),
        }
    }
}

fn move_waiters(requeue: &Requeue, from: &mut Bucket, mut to: Option<&mut Bucket>) -> usize {
    let woken = wake_locked(from, requeue.from, requeue.wake);
    let mut moved = 0;
    while moved < requeue.moves && requeue.from != requeue.to {
        let Some(index) = from.iter().position(|waiter| waiter.key == requeue.from) else { break };
        let Some(waiter) = from.remove(index) else { break };
        waiter.task.futex.set(requeue.to.bucket());
        to.as_deref_mut().unwrap_or(from).push_back(Waiter { key: requeue.to, ..waiter });
        moved += 1;
    }
    woken + moved
}

/// Changes the word at `address`, and wakes `most` with the first key; and as many as the other number with the second key
/// if `condition` holds for what the word was. How many.
pub fn wake_and_change(
    keys: [Key; 2],
    most: [usize; 2],
    address: usize,
    change: impl Fn(u32) -> u32,
    condition: impl Fn(u32) -> bool,
) -> Result {
    loop {
        let done = with_both(keys[0], keys[1], |first, second| {
            let old = update_user(address, &change)?;
            let mut woken = wake_locked(first, keys[0], most[0]);
            if condition(old) {
                woken += wake_locked(second.unwrap_or(first), keys[1], most[1]);
            }
            Ok(woken)
        });
        match done {
            Ok(woken) => return Ok(woken),
            // As for a reader; and the page must be one that can be written.
            Err(Fault) => _ = update_user(address, |word| word)?,
        }
    }
}

/// Changes a word of user memory in one step; what it was.
fn update_user(address: usize, change: impl Fn(u32) -> u32) -> core::result::Result<u32, Fault> {
    let mut old = read_user(address)?;
    loop {
        match compare_exchange_user(address, old, change(old))? {
            seen if seen == old => return Ok(old),
            seen => old = seen,
        }
    }
}

/// With the buckets of both keys locked; the second is none if it is the first.
fn with_both<R>(one: Key, other: Key, run: impl FnOnce(&mut Bucket, Option<&mut Bucket>) -> R) -> R {
    let (one, other) = (one.bucket(), other.bucket());
    // In the order of their numbers; released in the reverse order, as locals are.
    match one.cmp(&other) {
        Ordering::Equal => run(&mut WAITERS[one].lock(), None),
        Ordering::Less => {
            let mut first = WAITERS[one].lock();
            let mut second = WAITERS[other].lock();
            run(&mut first, Some(&mut second))
        }
        Ordering::Greater => {
            let mut second = WAITERS[other].lock();
            let mut first = WAITERS[one].lock();
            run(&mut first, Some(&mut second))
        }
    }
}
