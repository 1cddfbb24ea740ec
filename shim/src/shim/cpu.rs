//! What the shim keeps for each CPU.

use core::cell::UnsafeCell;

use shim::CPUS;

use super::interrupts::Withheld;
use super::registers::read;
use super::step::Count;

/// One CPU's.
pub struct Cpu {
    /// The instructions that are counted, if any are.
    pub count: Option<Count>,
    /// Interrupts that wait until an SError of EL0 has come.
    pub withheld: Option<Withheld>,
    /// An SError that a count or a WFI is to bring, or has brought: its syndrome.
    pub asked: Option<u64>,
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
