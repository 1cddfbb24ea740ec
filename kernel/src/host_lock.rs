//! `lock` on the host, where pure modules are tested: there are no interrupts to mask.

use std::sync::{Mutex, MutexGuard};

/// Mutual exclusion.
pub struct IrqLock<T>(Mutex<T>);

impl<T> IrqLock<T> {
    /// Unlocked.
    pub const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Waits until it is free, and takes it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().expect("no test panics with a lock held")
    }
}
