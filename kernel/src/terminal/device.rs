//! The machine's terminal.

use core::sync::atomic::AtomicU32;

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
}
