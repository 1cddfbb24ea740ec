//! The FP/SIMD registers: whose they are, and where the others' are. The kernel uses none of them, so a user task's stay in
//! the CPU while the kernel runs for it, and only a task switch moves them.
//!
//! ```text
//!   user task A --> user task B                       A's are saved, B's are loaded
//!   user task A --> kernel thread --> user task A     A's are saved, and still there
//! ```
//!
//! They are still there if two words agree: the CPU says that it loaded that task's last, and the task that this CPU did. One
//! word would not do: the task may have run elsewhere meanwhile, or another one here.

use crate::bodies::{CpuOf, HardwareOf};
use crate::thread::{current, running};
use crate::{Arm64Port, Bodies, Hardware, Thread};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU64, Ordering};
use vestibule::{Broken, Checks, Class, Context, Cpu, Exception, Kernel, Process, Ready};

#[cfg(vestibule_forge)]
pub mod forge;

/// All of them, laid out as a tracer sees them (`NT_PRFPREG`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Fpsimd {
    /// V0 to V31.
    pub vectors: [u128; 32],
    /// FPSR.
    pub status: u32,
    /// FPCR.
    pub control: u32,
    /// Zero.
    pub reserved: [u32; 2],
}

/// A task's, while they are in no CPU.
#[repr(C)]
pub(crate) struct Saved {
    registers: UnsafeCell<Fpsimd>,
    /// The CPU that loaded them last, by the address of its part of the port; or one of the two below.
    loaded_by: AtomicU64,
}

/// The task has never been in user mode: it has none.
const NONE: u64 = 0;
/// They are in memory only.
const NOWHERE: u64 = 1;

// SAFETY: the registers are touched by the switch from and to their task, whose runs do not overlap, and by who promises that
// it does not run.
unsafe impl Sync for Saved {}

impl Saved {
    pub(crate) const fn new() -> Saved {
        let empty = Fpsimd { vectors: [0; 32], status: 0, control: 0, reserved: [0; 2] };
        Saved { registers: UnsafeCell::new(empty), loaded_by: AtomicU64::new(NONE) }
    }
}

/// The current task's: none are zeros.
#[inline(always)]
pub fn registers<K: Bodies, C: Context>(cpu: &Cpu<K, C>) -> Fpsimd {
    let mut registers = Fpsimd::default();
    // Who is preempted while they are stored gets them back as they were.
    if current(cpu).has_fpsimd::<CpuOf<K>>() {
        CpuOf::<K>::store_fpsimd(&mut registers);
    }
    registers
}

/// The same, where the task keeps them while others run: to be read as bytes, because a switch writes them there again,
/// the same ones. Valid as long as the task goes on in the kernel, and what lies there is old if it has none.
#[inline(always)]
pub fn save<K: Bodies>(cpu: &Cpu<K, Process>) -> *const Fpsimd {
    let registers = current(cpu).fpsimd.registers.get();
    if current(cpu).has_fpsimd::<CpuOf<K>>() {
        // SAFETY: only this task's switches touch them, and it runs: this borrow ends before it can be switched from.
        CpuOf::<K>::store_fpsimd(unsafe { &mut *registers });
    }
    registers
}

/// Gives the current task others: a signal's return, a new program. A task that has none, because it has never been on its way to user mode,
/// gets none.
pub fn set_registers<K: Bodies, C: Context>(cpu: &mut Cpu<K, C>, registers: &Fpsimd) {
    if current(cpu).has_fpsimd::<CpuOf<K>>() {
        CpuOf::<K>::load_fpsimd(registers);
    }
}

impl Thread {
    /// A copy of this task's.
    ///
    /// # Safety
    /// It does not run, and does not begin to meanwhile.
    #[inline(always)]
    pub unsafe fn fpsimd(&self) -> Fpsimd {
        // SAFETY: the caller's: nobody writes to it.
        unsafe { *self.fpsimd.registers.get() }
    }

    /// Gives this task others: a new one of its parent's, a traced one its tracer's. From here on it has some.
    ///
    /// # Safety
    /// As [`fpsimd`](Thread::fpsimd).
    pub unsafe fn set_fpsimd(&self, registers: &Fpsimd) {
        // SAFETY: the caller's: nobody else touches it.
        unsafe { *self.fpsimd.registers.get() = *registers };
        self.fpsimd.loaded_by.store(NOWHERE, Ordering::Relaxed);
    }

    #[inline(always)]
    fn has_fpsimd<H: Hardware>(&self) -> bool {
        H::load(&self.fpsimd.loaded_by) != NONE
    }

    /// This CPU's registers are this task's. Before: it runs, or is about to.
    #[inline(always)]
    fn is_loaded<H: Hardware>(&self) -> bool {
        let cpu = self.cpu::<H>();
        H::load(&self.fpsimd.loaded_by) == core::ptr::from_ref(cpu).addr() as u64
            && H::load(&cpu.fpsimd_of) == core::ptr::from_ref(self).addr() as u64
    }

    /// Before: everything masked, and this task runs.
    #[inline(always)]
    fn store_fpsimd<H: Hardware>(&self) {
        // SAFETY: it runs here, and so nowhere else.
        H::store_fpsimd(unsafe { &mut *self.fpsimd.registers.get() });
    }

    /// Before: everything masked, and this task is the next to be in user mode here.
    #[inline(always)]
    fn load_fpsimd<H: Hardware>(&self) {
        let cpu = self.cpu::<H>();
        // SAFETY: it runs here, and so nowhere else.
        H::load_fpsimd(unsafe { &*self.fpsimd.registers.get() });
        H::store(&cpu.fpsimd_of, core::ptr::from_ref(self).addr() as u64);
        H::store(&self.fpsimd.loaded_by, core::ptr::from_ref(cpu).addr() as u64);
    }
}

/// The switch's part. Before and after: everything masked.
#[inline(always)]
pub(crate) fn switch<H: Hardware>(from: &Thread, to: &Thread) {
    if from.has_fpsimd::<H>() {
        from.store_fpsimd::<H>();
    }
    if to.has_fpsimd::<H>() && !to.is_loaded::<H>() {
        to.load_fpsimd::<H>();
    }
}

/// A task goes to user mode for the first time: what another left in the registers is gone (C127).
#[inline(always)]
pub(crate) fn first<P: Arm64Port, X: Class>(_: &Exception<'_, P, X, Ready>) {
    let thread = running::<HardwareOf<P>>();
    if !thread.has_fpsimd::<HardwareOf<P>>() {
        thread.load_fpsimd::<HardwareOf<P>>();
    }
}

/// User mode gets its own (C127).
#[inline(always)]
pub(crate) fn check<P: Arm64Port, X: Class>(_: &Exception<'_, P, X, Ready>) {
    let is_loaded = || running::<HardwareOf<P>>().is_loaded::<HardwareOf<P>>();
    if <P::Kernel as Kernel>::Checks::ON && !is_loaded() {
        core::hint::cold_path();
        <P::Kernel as Kernel>::Checks::broken(Broken { constraint: 127, at: X::NAME });
    }
}
