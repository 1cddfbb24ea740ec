//! The PL031, a clock that goes on while the machine is off: read once, when the kernel comes up.

use crate::layout::{self, PhysicalAddress};

/// Seconds since 1970, as the PL031 at `registers` has it. Mapped as device memory.
pub fn seconds(registers: PhysicalAddress) -> u64 {
    let data = layout::device(registers).cast::<u32>();
    // SAFETY: the device tree says that a PL031 is there; its data register comes first, and reading it changes nothing.
    u64::from(unsafe { data.read_volatile() })
}
