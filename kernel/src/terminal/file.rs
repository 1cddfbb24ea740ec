//! The terminal as an open file.

use alloc::sync::Arc;

use vestibule::Process;

use super::TERMINAL;
use crate::errno::Result;
use crate::files::file::{At, File, Wait, ready};
use crate::files::stat::{Change, Metadata};
use crate::files::tmpfs::Inode;
use crate::reference::Cpu;
use crate::wait::WaitQueue;

/// The terminal, opened by the special file `inode`.
pub fn open(inode: &Arc<Inode>) -> Arc<dyn File> {
    Arc::new(OpenTerminal { inode: inode.clone() })
}

struct OpenTerminal {
    inode: Arc<Inode>,
}

impl File for OpenTerminal {
    fn metadata(&self) -> Metadata {
        self.inode.metadata()
    }

    fn change(&self, change: &Change) -> Result<()> {
        self.inode.change(change);
        Ok(())
    }

    fn read(&self, cpu: &mut Cpu<Process>, _: u64, to: &mut [u8], wait: Wait) -> Result {
        TERMINAL.read(cpu, to, wait == Wait::Sleep)
    }

    fn write(&self, cpu: &mut Cpu<Process>, _: At, from: &[u8], wait: Wait) -> Result {
        TERMINAL.write(cpu, from, wait == Wait::Sleep)
    }

    fn control(&self, cpu: &mut Cpu<Process>, command: u32, argument: usize) -> Result {
        TERMINAL.control(cpu, command, argument)
    }

    fn readiness(&self) -> u16 {
        let readable = if TERMINAL.is_readable() { ready::READ } else { 0 };
        let writable = if TERMINAL.is_writable() { ready::WRITE } else { 0 };
        readable | writable
    }

    fn changes(&self) -> Option<&WaitQueue> {
        Some(&TERMINAL.changed)
    }
}
