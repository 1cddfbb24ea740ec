//! Pointer authentication: a program signs pointers with keys that no other has, and the CPU tells if a signature is wrong. The
//! kernel signs nothing: the keys in a CPU are those of the task that it runs, and nobody reads them back.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use linux_raw_sys::prctl;
use vestibule::Process as ProcessContext;

use crate::errno::{Errno, Result};
use crate::hardware_capabilities;
use crate::identification::AUTHENTICATION;
use crate::planted::Bug;
use crate::random;
use crate::reference::Cpu;
use crate::registers::{read_register, write_register};
use crate::task::Task;

/// The CPUs have it; all are alike.
static PRESENT: AtomicBool = AtomicBool::new(false);

/// The CPUs have it.
#[inline(always)]
pub fn is_present() -> bool {
    PRESENT.load(Ordering::Relaxed)
}

/// What every CPU does for itself: user mode may sign with all keys.
pub fn init_cpu() {
    const ENABLED: u64 = 1 << 31 | 1 << 30 | 1 << 27 | 1 << 13;
    if AUTHENTICATION.iter().any(|(register, lowest)| hardware_capabilities::read(*register) >> lowest & 0xf != 0) {
        let system = read_register!("sctlr_el1") | ENABLED;
        // SAFETY: nothing in the kernel is compiled to sign.
        unsafe { write_register!("sctlr_el1", system) };
        PRESENT.store(true, Ordering::Relaxed);
    }
}

/// How many there are: APIA, APIB, APDA, APDB and APGA, in the order of `prctl`'s bits.
const KEYS: usize = 5;
const ALL: usize = (1 << KEYS) - 1;

/// A task's, two words each.
pub struct Keys([[AtomicU64; 2]; KEYS]);

impl Keys {
    /// Those that nobody has chosen yet.
    pub const fn new() -> Keys {
        Keys([const { [const { AtomicU64::new(0) }; 2] }; KEYS])
    }

    /// Chooses new ones, of those whose bits are in `which`.
    fn renew(&self, which: usize) {
        for (_, key) in self.0.iter().enumerate().filter(|(number, _)| which & 1 << number != 0) {
            for word in key {
                let mut bytes = [0; size_of::<u64>()];
                random::fill(&mut bytes);
                word.store(u64::from_ne_bytes(bytes), Ordering::Relaxed);
            }
        }
    }

    /// A task that has not started has those of the one that made it.
    pub fn inherit(&self, from: &Keys) {
        for (to, from) in self.0.iter().flatten().zip(from.0.iter().flatten()) {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// User mode on this CPU signs with them, from the next exception return on. Whoever is interrupted in here gets the same ones
    /// again when it is switched to.
    fn load(&self) {
        let [ia, ib, da, db, ga] = self.0.each_ref().map(|key| key.each_ref().map(|word| word.load(Ordering::Relaxed)));
        // SAFETY: the kernel signs nothing.
        unsafe {
            asm!("msr s3_0_c2_c1_0, {}", "msr s3_0_c2_c1_1, {}", in(reg) ia[0], in(reg) ia[1], options(nostack, nomem));
            asm!("msr s3_0_c2_c1_2, {}", "msr s3_0_c2_c1_3, {}", in(reg) ib[0], in(reg) ib[1], options(nostack, nomem));
            asm!("msr s3_0_c2_c2_0, {}", "msr s3_0_c2_c2_1, {}", in(reg) da[0], in(reg) da[1], options(nostack, nomem));
            asm!("msr s3_0_c2_c2_2, {}", "msr s3_0_c2_c2_3, {}", in(reg) db[0], in(reg) db[1], options(nostack, nomem));
            asm!("msr s3_0_c2_c3_0, {}", "msr s3_0_c2_c3_1, {}", in(reg) ga[0], in(reg) ga[1], options(nostack, nomem));
        }
    }

    /// For a task's very first program, before it starts.
    pub fn choose(&self) {
        self.renew(ALL);
    }
}

/// The CPU runs that task next, which is a program's.
#[inline(always)]
pub fn switch_to(task: &Task) {
    if is_present() {
        switch_keys(task);
    }
}

#[cold]
#[inline(never)]
fn switch_keys(task: &Task) {
    if !Bug::KeptKeys.is_planted() {
        task.keys.load();
    }
}

/// A new program begins in the current task: what the last one signed is nothing to it.
pub fn begin_program(cpu: &Cpu<ProcessContext>) {
    if is_present() && !Bug::InheritedKeys.is_planted() {
        let keys = &Task::current(cpu).keys;
        keys.renew(ALL);
        keys.load();
    }
}

/// `prctl(PR_PAC_RESET_KEYS)`: new ones of those that `which` says; all if that is none.
pub fn reset(cpu: &Cpu<ProcessContext>, which: usize) -> Result<()> {
    if !is_present() || which & !ALL != 0 {
        return Err(Errno::EINVAL);
    }
    let keys = &Task::current(cpu).keys;
    keys.renew(if which == 0 { ALL } else { which });
    keys.load();
    Ok(())
}

const _: () = assert!(prctl::PR_PAC_APIAKEY == 1 && prctl::PR_PAC_APGAKEY == 1 << (KEYS - 1));
