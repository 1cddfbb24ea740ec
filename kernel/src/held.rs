//! What a task has in its hands, counted in checked builds: locks whose waiters sleep. It takes none along to user mode (C56).

use core::sync::atomic::{AtomicU32, Ordering};

use crate::task::Task;

/// How many a task holds.
pub struct Held(AtomicU32);

impl Held {
    /// None.
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// It has none.
    pub fn is_none(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// The task that runs has one more.
pub fn take() {
    change(1);
}

/// And gives it back.
pub fn give() {
    change(1_u32.wrapping_neg());
}

fn change(by: u32) {
    if cfg!(feature = "checked") {
        Task::running().held.0.fetch_add(by, Ordering::Relaxed);
    }
}
