//! Named pipes: where those who open one by its name meet.

use alloc::sync::{Arc, Weak};

use vestibule::Process;

use super::file::Wait;
use super::node::Access;
use super::pipe::{Pipe, PipeEnd};
use super::tmpfs::Inode;
use crate::errno::{Errno, Result};
use crate::lock::IrqLock;
use crate::reference::Cpu;

/// The pipe, as long as somebody has it open.
pub struct Meeting(IrqLock<Weak<Pipe>>);

impl Meeting {
    /// Nobody has it open.
    pub const fn new() -> Self {
        Self(IrqLock::new(Weak::new()))
    }

    /// Opens it. Who wants only one end waits for somebody at the other.
    pub fn open(&self, cpu: &mut Cpu<Process>, inode: Arc<Inode>, access: Access, wait: Wait) -> Result<PipeEnd> {
        let Access { reads, writes } = access;
        let pipe = self.pipe();
        if writes && !reads && wait == Wait::Refuse && !pipe.has_readers() {
            return Err(Errno::ENXIO);
        }
        let end = PipeEnd::new(pipe.clone(), access, Some(inode));
        if reads != writes && wait == Wait::Sleep {
            pipe.meet(cpu, &end)?;
        }
        Ok(end)
    }

    fn pipe(&self) -> Arc<Pipe> {
        let new = Pipe::new();
        let mut pipe = self.0.lock();
        pipe.upgrade().unwrap_or_else(|| {
            *pipe = Arc::downgrade(&new);
            new
        })
    }
}
