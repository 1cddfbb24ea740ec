//! The machine's terminal.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::discipline::Discipline;
use crate::lock::IrqLock;
use crate::processes;
use crate::wait::{Mutex, WaitQueue};

/// The first serial port's. It is the first process's session's to begin with.
pub static TERMINAL: Terminal = Terminal {
    discipline: IrqLock::new(Discipline::new()),
    changed: WaitQueue::new(),
    sending: Mutex::new(()),
    session: AtomicU32::new(processes::FIRST),
    foreground: AtomicU32::new(processes::FIRST),
    window: IrqLock::new([0; 8]),
    plain: AtomicBool::new(false),
};

/// A terminal.
pub struct Terminal {
    pub(super) discipline: IrqLock<Discipline>,
    /// Woken when there may be more to read, or more room to write.
    pub changed: WaitQueue,
    /// Held by who sends.
    pub(super) sending: Mutex<()>,
    /// The session whose controlling terminal it is, and the process group in its foreground; zero for none.
    pub(super) session: AtomicU32,
    pub(super) foreground: AtomicU32,
    /// Its size: a `struct winsize`.
    pub(super) window: IrqLock<[u8; 8]>,
    /// See [`Terminal::make_plain`].
    pub(super) plain: AtomicBool,
}

impl Terminal {
    /// From here on it is no terminal to programs, but a place to read from and write to: nothing is echoed, nothing is
    /// changed on its way out, and there are no settings. What comes in are still lines, so that it can come to an end.
    pub fn make_plain(&self) {
        let mut discipline = self.discipline.lock();
        let plain = discipline.termios().plain();
        discipline.set_termios(plain);
        self.plain.store(true, Ordering::Relaxed);
    }
}
