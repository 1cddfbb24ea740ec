//! Firmware calls: starting CPUs and powering off, by the conduit the device tree names.

use core::sync::atomic::{AtomicU8, Ordering};

use smccc::{Call, Hvc, Smc, psci};

use crate::layout::PhysicalAddress;

/// The instruction that reaches the firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduit {
    /// HVC: a hypervisor, or QEMU, stands in for the firmware.
    Hvc = 1,
    /// SMC: firmware at EL3, or a hypervisor that traps it.
    Smc = 2,
}

static CONDUIT: AtomicU8 = AtomicU8::new(0);

/// Calls go by `conduit` from here on; before, they are not made.
pub fn set_conduit(conduit: Conduit) {
    CONDUIT.store(conduit as u8, Ordering::Relaxed);
}

fn conduit() -> Option<Conduit> {
    match CONDUIT.load(Ordering::Relaxed) {
        1 => Some(Conduit::Hvc),
        2 => Some(Conduit::Smc),
        _ => None,
    }
}

/// Starts the CPU with affinity `mpidr` at `entry`, with `argument` in its x0.
pub fn cpu_on(mpidr: u64, entry: PhysicalAddress, argument: PhysicalAddress) -> Result<(), psci::Error> {
    let (entry, argument) = (entry.0 as u64, argument.0 as u64);
    match conduit() {
        Some(Conduit::Hvc) => psci::cpu_on::<Hvc>(mpidr, entry, argument),
        Some(Conduit::Smc) => psci::cpu_on::<Smc>(mpidr, entry, argument),
        None => Err(psci::Error::NotSupported),
    }
}

/// Powers the machine off; comes back only if the firmware cannot.
pub fn system_off() {
    let _ = match conduit() {
        Some(Conduit::Hvc) => psci::system_off::<Hvc>(),
        Some(Conduit::Smc) => psci::system_off::<Smc>(),
        None => Err(psci::Error::NotSupported),
    };
}

/// Asks whoever answers firmware calls for `function`, which may be none of the firmware's: X0 to X3 of what it says, or nothing
/// if nobody is there. By SMCCC (Arm DEN0028) who does not know a function says so, and does nothing.
pub fn ask(function: u32, arguments: [u64; 3]) -> Option<[u64; 4]> {
    let mut registers = [0; 17];
    registers[..3].copy_from_slice(&arguments);
    let answer = match conduit()? {
        Conduit::Hvc => Hvc::call64(function, registers),
        Conduit::Smc => Smc::call64(function, registers),
    };
    answer.first_chunk().copied()
}
