//! How a process ended: Linux's wait status.

use linux_raw_sys::general as linux;

use crate::signals::Signal;

/// A wait status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status(i32);

/// The low byte of the status of who is stopped.
const STOPPED: i32 = 0x7f;

impl Status {
    /// By itself, with this code.
    pub const fn exited(code: usize) -> Status {
        Status((code as i32 & 0xff) << 8)
    }

    /// By a signal. No core is written, as on Linux whose limit for its size is 0.
    pub const fn killed(signal: Signal) -> Status {
        Status(signal.number() as i32)
    }

    /// It has not: it is stopped by a signal.
    pub const fn stopped(signal: Signal) -> Status {
        Status((signal.number() as i32) << 8 | STOPPED)
    }

    /// It has not: it is stopped at a system call, and its tracer asked to be told that from other traps.
    pub const fn stopped_at_system_call() -> Status {
        Status((Signal::SIGTRAP.number() as i32 | 0x80) << 8 | STOPPED)
    }

    /// It has not: it goes on.
    pub const CONTINUED: Status = Status(0xffff);

    /// From a word that one of these was.
    pub(super) const fn from_word(word: i32) -> Status {
        Status(word)
    }

    /// As `wait4` tells.
    pub const fn to_word(self) -> i32 {
        self.0
    }

    /// The signal that ended it.
    pub const fn signal(self) -> Option<Signal> {
        Signal::new(self.0 as u32 & 0x7f)
    }

    /// As a shell tells it: the code, or 128 and the signal.
    pub const fn code(self) -> u8 {
        match self.signal() {
            Some(signal) => 128 + signal.number() as u8,
            None => (self.0 >> 8) as u8,
        }
    }

    /// For SIGCHLD: how, and with which status.
    pub const fn for_parent(self) -> (i32, u16) {
        let (how, status) = match (self, self.signal()) {
            (Status::CONTINUED, _) => (linux::CLD_CONTINUED, Signal::SIGCONT.number() as u16),
            (Status(word), _) if word & 0xff == STOPPED => (linux::CLD_STOPPED, (word >> 8) as u16),
            (_, Some(signal)) => (linux::CLD_KILLED, signal.number() as u16),
            (Status(word), None) => (linux::CLD_EXITED, (word >> 8) as u16),
        };
        (how as i32, status)
    }
}
