//! Read-copy-update: readers take no lock, and what writers take out of reach is freed when every reader who may still
//! see it is done: after a grace period.
//!
//! ```text
//!   writer    replaces a pointer --> grace period -----------------------> frees the old one
//!   CPU 1     .. [reader of the old] .. switch ..                            passed at the switch
//!   CPU 2     .. user mode ..                                                passed at once
//!   CPU 3     .. idle .. interrupt [reader of the new] .. idle               passed at once
//! ```
//!
//! A reader keeps its CPU: preemption is off, or it runs in an interrupt. So a CPU has passed when it has switched tasks,
//! or is or was where no kernel code runs: in user mode, or in the idle task's wait. The first is counted by the
//! scheduler, the others are seen from outside, through context tracking. Nobody interrupts an idle CPU or a user program
//! for this. Sections are short look-ups; were they to be preempted, each switch would have to look for readers instead.

mod grace;
mod replaced;
mod table;
pub mod torture;

use alloc::boxed::Box;
use alloc::collections::LinkedList;
use core::marker::PhantomData;
use core::mem;

use vestibule::{ContextTracking, Pinned, Process, Tracked};

use crate::lock::IrqLock;
use crate::reference::{Cpu, Reference};
use crate::wait::WaitQueue;

pub use grace::{switched, synchronize, watch};
pub use replaced::Replaced;
pub use table::{Place, Table};

/// Proof that its holder reads: what it reads stays as long as this does.
#[derive(Debug)]
pub struct Reader<'a>(PhantomData<(*mut (), &'a ())>);

impl<'a> Reader<'a> {
    /// Code that keeps its CPU anyhow, for as long as it does.
    #[inline(always)]
    pub fn of<C: Pinned>(_: &'a Cpu<C>) -> Reader<'a> {
        let watched = <Tracked as ContextTracking<Reference>>::watching;
        assert!(!cfg!(feature = "checked") || watched(), "a reader that no writer waits for");
        Reader(PhantomData)
    }
}

/// Runs `section` as a reader. It must not sleep, and cannot: it has no CPU to give away.
pub fn read<R>(cpu: &mut Cpu<Process>, section: impl for<'r> FnOnce(&'r Reader<'r>) -> R) -> R {
    section(&Reader::of(&*cpu.preempt_off()))
}

/// What waits for the grace period that begins next. As much as programs let go at once: each takes a little memory of its own,
/// which there always is.
static DEFERRED: IrqLock<LinkedList<Box<dyn Send>>> = IrqLock::new(LinkedList::new());
static FREER: WaitQueue = WaitQueue::new();

/// Drops `value` after a grace period, in a task that may sleep. From any context but an NMI-like one.
pub fn defer<T: Send + 'static>(value: Box<T>) {
    let mut deferred = DEFERRED.lock();
    deferred.push_back(value);
    let first = deferred.len() == 1;
    drop(deferred);
    if first {
        FREER.wake_all();
    }
}

/// The kernel thread that does so: all that has come meanwhile, for each grace period.
pub fn free(mut cpu: Cpu<Process>) -> Cpu<Process> {
    loop {
        FREER.wait_until(&mut cpu, || !DEFERRED.lock().is_empty());
        let deferred = mem::take(&mut *DEFERRED.lock());
        synchronize(&mut cpu);
        drop(deferred);
    }
}
