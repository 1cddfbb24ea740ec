//! An address space, shared by whoever runs in it: a process's tasks, and until it runs another program, a child of `vfork`.

use alloc::sync::Arc;

use vestibule::Process as ProcessContext;

use crate::address_space::AddressSpace;
use crate::reference::Cpu;
use crate::user_tables::Usage;
use crate::wait::{Mutex, MutexGuard};

/// An address space. The lock may be held over a fault.
pub struct Memory {
    space: Mutex<AddressSpace>,
    ttbr0: u64,
    usage: Arc<Usage>,
}

impl Memory {
    /// Around `space`.
    pub fn new(space: AddressSpace) -> Arc<Memory> {
        Arc::new(Memory { ttbr0: space.ttbr0(), usage: space.usage(), space: Mutex::new(space) })
    }

    /// Sleeps until nobody else changes it.
    pub fn lock(&self, cpu: &mut Cpu<ProcessContext>) -> MutexGuard<'_, AddressSpace> {
        self.space.lock(cpu)
    }

    /// How many pages are mapped now.
    pub fn resident(&self) -> usize {
        self.usage.pages()
    }

    /// How many frames it takes now, for pages and for tables.
    pub fn frames(&self) -> usize {
        self.usage.pages() + self.usage.tables()
    }

    /// What makes a CPU use it.
    pub fn ttbr0(&self) -> u64 {
        self.ttbr0
    }
}
