//! What the switch does with FP/SIMD registers, in pieces, for the model's corpus of switches that leave one out.
//! Not compiled without `--cfg vestibule_forge`, which no kernel sets.

use super::*;

/// The task has some.
pub fn has<H: Hardware>(thread: &Thread) -> bool {
    thread.has_fpsimd::<H>()
}

/// The CPU says that it loaded this task's last.
pub fn is_of<H: Hardware>(thread: &Thread) -> bool {
    H::load(&thread.cpu::<H>().fpsimd_of) == core::ptr::from_ref(thread).addr() as u64
}

/// The task says that this CPU loaded its own last.
pub fn is_loaded_by<H: Hardware>(thread: &Thread) -> bool {
    H::load(&thread.fpsimd.loaded_by) == core::ptr::from_ref(thread.cpu::<H>()).addr() as u64
}

/// To the task that runs.
pub fn store<H: Hardware>(thread: &Thread) {
    thread.store_fpsimd::<H>();
}

/// From the task that will.
pub fn load<H: Hardware>(thread: &Thread) {
    thread.load_fpsimd::<H>();
}
