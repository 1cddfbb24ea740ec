//! A spin lock that masks interrupts while held, for data that interrupt handlers may reach too.
//!
//! Not for code that may run in an NMI: an NMI that waits for the code it interrupted waits for ever. A checked build does not let
//! it wait (C83).

use core::cell::UnsafeCell;
use core::hint::spin_loop;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, Ordering};

use lock_api::{GuardNoSend, RawMutex};

use vestibule::{Broken, Checks as _, IrqsSaved};

use crate::reference::{Loud, Machine, Reference};
use crate::registers::read_register;
use crate::task::Task;

/// Mutual exclusion between CPUs and against this CPU's interrupts.
pub type IrqLock<T> = lock_api::Mutex<RawIrqLock, T>;

/// Holds an [`IrqLock`].
pub type IrqLockGuard<'a, T> = lock_api::MutexGuard<'a, RawIrqLock, T>;

/// The lock under [`IrqLock`].
pub struct RawIrqLock {
    locked: AtomicBool,
    /// While locked: what the holder found.
    saved: UnsafeCell<MaybeUninit<IrqsSaved<Reference>>>,
}

// SAFETY: `saved` is touched only by the holder, on the CPU that it holds the lock on.
unsafe impl Sync for RawIrqLock {}
// SAFETY: as above.
unsafe impl Send for RawIrqLock {}

// SAFETY: the compare-exchange in `try_lock` lets one holder in until `unlock`.
unsafe impl RawMutex for RawIrqLock {
    #[allow(clippy::declare_interior_mutable_const, reason = "the trait asks for a constant")]
    const INIT: Self = Self { locked: AtomicBool::new(false), saved: UnsafeCell::new(MaybeUninit::uninit()) };
    type GuardMarker = GuardNoSend;

    fn lock(&self) {
        check_waits();
        while !self.try_lock() {
            while self.locked.load(Ordering::Relaxed) {
                spin_loop();
            }
        }
    }

    fn try_lock(&self) -> bool {
        let saved = IrqsSaved::save();
        if self.locked.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return false;
        }
        // SAFETY: this CPU holds the lock now, so nobody else reads or writes `saved`.
        unsafe { (*self.saved.get()).write(saved) };
        true
    }

    unsafe fn unlock(&self) {
        // SAFETY: the caller holds the lock, so this is what `try_lock` wrote, and nobody else takes it.
        let saved = unsafe { (*self.saved.get()).assume_init_read() };
        self.locked.store(false, Ordering::Release);
        drop(saved);
    }
}

/// Whoever waits for a lock here is not in the middle of what may hold it.
#[inline(always)]
fn check_waits() {
    let counts_as_nmi = || read_register!("tpidr_el1") != 0 && Task::running().word().read::<Machine>().nmis() != 0;
    if cfg!(feature = "checked") && counts_as_nmi() {
        core::hint::cold_path();
        Loud::broken(Broken { constraint: 83, at: "a lock" });
    }
}
