//! What the shim keeps for each CPU.

use core::cell::UnsafeCell;

use shim::CPUS;

use super::interrupts::Withheld;
use super::registers::read;
use super::step::Count;
use super::synchronous::Synchronous;

/// What was asked for.
pub enum Asked {
    /// An SError with this syndrome.
    Error(u64),
    /// A synchronous exception.
    Synchronous(Synchronous),
}

/// One CPU's.
pub struct Cpu {
    /// The instructions that are counted, if any are.
    pub count: Option<Count>,
    /// Interrupts that wait until an SError of EL0 has come.
    pub withheld: Option<Withheld>,
    /// What a count or a WFI is to bring.
    pub asked: Option<Asked>,
    /// A count was ended by a debug exception.
    pub disturbed: bool,
}

struct Cpus([UnsafeCell<Cpu>; CPUS]);
// SAFETY: each CPU takes its own alone.
unsafe impl Sync for Cpus {}

static ALL: Cpus =
    Cpus([const { UnsafeCell::new(Cpu { count: None, withheld: None, asked: None, disturbed: false }) }; CPUS]);

/// The place of the CPU with this affinity in arrays, if it has one.
pub fn index(affinity: u64) -> Option<usize> {
    const AFFINITY: u64 = 0xff_00ff_ffff;
    Some((affinity & AFFINITY) as usize).filter(|index| *index < CPUS)
}

/// Runs `body` with what is kept for the CPU that executes this. Not from within itself.
pub fn with_this<T>(body: impl FnOnce(&mut Cpu) -> T) -> T {
    let this = index(read!("mpidr_el1")).expect("only CPUs that have a place are started");
    // SAFETY: nobody else takes it, and the vectors call this once: nothing interrupts EL2.
    body(unsafe { &mut *ALL.0[this].get() })
}
