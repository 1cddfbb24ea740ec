//! POSIX timers: alarms by number.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Alarm;
use crate::lock::IrqLock;

/// One of them.
#[derive(Clone)]
pub struct PosixTimer {
    /// It goes by the time of day, and not by the counter's clock.
    pub real: bool,
    /// What expires.
    pub alarm: Arc<Alarm>,
}

/// A process's.
pub struct PosixTimers(IrqLock<Vec<Option<PosixTimer>>>);

/// How many a process may have.
const MOST: usize = 1024;

impl PosixTimers {
    /// None.
    pub const fn new() -> PosixTimers {
        PosixTimers(IrqLock::new(Vec::new()))
    }

    /// Takes in what `make` makes with its number. The number, unless there are too many.
    pub fn add(&self, make: impl FnOnce(u32) -> PosixTimer) -> Option<u32> {
        let mut timers = self.0.lock();
        let number = timers.iter().position(Option::is_none).unwrap_or(timers.len());
        if number >= MOST {
            return None;
        }
        if number == timers.len() {
            timers.push(None);
        }
        timers[number] = Some(make(number as u32));
        Some(number as u32)
    }

    /// That one.
    pub fn find(&self, number: usize) -> Option<PosixTimer> {
        self.0.lock().get(number)?.clone()
    }

    /// Takes it out.
    pub fn remove(&self, number: usize) -> Option<PosixTimer> {
        self.0.lock().get_mut(number)?.take()
    }

    /// Takes all of them out.
    pub fn clear(&self) {
        let timers = core::mem::take(&mut *self.0.lock());
        timers.into_iter().flatten().for_each(|timer| _ = timer.alarm.set(super::Setting::default()));
    }
}
