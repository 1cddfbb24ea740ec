//! What each CPU has of its own, in an array by CPU index, and which index a CPU has while it boots.
//!
//! Once tasks run, the current CPU is found through the current task, which the port keeps in TPIDR_EL1;
//! [`boot_index`] asks MPIDR_EL1 and is for bring-up and reports.

use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::registers::read_register;

/// The most CPUs this kernel runs on; further ones stay off.
pub const MAX_CPUS: usize = 8;

/// Affinity fields of MPIDR_EL1.
const AFFINITY: u64 = 0xff_00ff_ffff;

/// One CPU's own data. Others may read it, so every field is shared-safe.
pub struct CpuLocal {
    affinity: AtomicU64,
    online: AtomicBool,
}

static CPUS: [CpuLocal; MAX_CPUS] =
    [const { CpuLocal { affinity: AtomicU64::new(0), online: AtomicBool::new(false) } }; MAX_CPUS];
static COUNT: AtomicUsize = AtomicUsize::new(0);

impl CpuLocal {
    /// Its affinity, as PSCI and the interrupt controller name it.
    pub fn affinity(&self) -> u64 {
        self.affinity.load(Ordering::Relaxed)
    }

    /// Whether it has come up.
    pub fn is_online(&self) -> bool {
        self.online.load(Ordering::Acquire)
    }

    /// What this CPU did so far is visible to whoever sees it online.
    pub fn set_online(&self) {
        self.online.store(true, Ordering::Release);
    }
}

/// Numbers the CPUs in the order of `affinities`. Once, on the first CPU.
pub fn init(affinities: impl Iterator<Item = u64>) {
    for (cpu, affinity) in affinities.take(MAX_CPUS).enumerate() {
        CPUS[cpu].affinity.store(affinity & AFFINITY, Ordering::Relaxed);
        COUNT.store(cpu + 1, Ordering::Release);
    }
}

/// How many CPUs there are, online or not.
pub fn count() -> usize {
    COUNT.load(Ordering::Acquire)
}

/// The CPUs that have come up.
pub fn online() -> impl Iterator<Item = usize> {
    (0..count()).filter(|number| cpu(*number).is_online())
}

/// CPU `cpu`'s data.
pub fn cpu(cpu: usize) -> &'static CpuLocal {
    &CPUS[cpu]
}

/// The index of the CPU this runs on, by its affinity; zero before [`init`]. Only sure while nothing can migrate the caller.
pub fn boot_index() -> usize {
    let affinity = read_register!("mpidr_el1") & AFFINITY;
    CPUS[..count()].iter().position(|cpu| cpu.affinity() == affinity).unwrap_or(0)
}
