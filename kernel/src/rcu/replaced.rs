//! A value that is only ever replaced.

use alloc::boxed::Box;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use super::{Reader, defer};
use crate::lock::IrqLock;

/// A value that readers see as it was when they came, and writers replace as a whole.
pub struct Replaced<T> {
    current: AtomicPtr<T>,
    writers: IrqLock<()>,
}

// SAFETY: readers on several CPUs have references to the value, and any CPU may free it.
unsafe impl<T: Send + Sync> Sync for Replaced<T> {}

impl<T: Send + Sync + 'static> Replaced<T> {
    /// Nothing yet.
    pub const fn empty() -> Self {
        Self { current: AtomicPtr::new(null_mut()), writers: IrqLock::new(()) }
    }

    /// What is there now.
    pub fn read<'r>(&self, _: &'r Reader) -> Option<&'r T> {
        // SAFETY: it came from a box, and is freed after a grace period, which does not end before this reader does.
        unsafe { self.current.load(Ordering::Acquire).as_ref() }
    }

    /// Puts what `change` makes of the value in its place. Writers take turns.
    pub fn update(&self, change: impl FnOnce(Option<&T>) -> Option<T>) {
        let turn = self.writers.lock();
        let old = self.current.load(Ordering::Relaxed);
        // SAFETY: only a writer frees it, and this is the writer whose turn it is.
        let new = change(unsafe { old.as_ref() }).map_or(null_mut(), |new| Box::into_raw(Box::new(new)));
        self.current.store(new, Ordering::Release);
        drop(turn);
        if !old.is_null() {
            // SAFETY: it came from a box, and nobody can reach it any more but readers who have it already.
            defer(unsafe { Box::from_raw(old) });
        }
    }
}
