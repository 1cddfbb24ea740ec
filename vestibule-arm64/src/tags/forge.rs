//! What entries, exits and the switch do about tag checks, in pieces, for the model's corpus of those that leave one out.
//! Not compiled without `--cfg vestibule_forge`, which no kernel sets.

use super::*;

/// An asynchronous check of user mode has failed, and nobody has asked yet.
pub fn has_failed<P: Arm64Port>() -> bool {
    super::has_failed::<HardwareOf<P>>(running::<HardwareOf<P>>())
}

/// The running task's word.
pub fn word<P: Arm64Port>() -> &'static core::sync::atomic::AtomicU64 {
    // SAFETY: the word is its task's first field, and its only one; the task lives as long as the simulated machine.
    unsafe { &*HardwareOf::<P>::current().cast() }
}

/// Checks are open from here on, if they are to be.
pub fn on<P: Arm64Port>() {
    super::open::<P>();
}

/// Asks whose fault it is.
pub fn report<P: Arm64Port>(fault: KernelFault<'_>) {
    if P::Kernel::checks_own_tags() {
        super::report::<P::Kernel>(fault);
    }
}

/// The shipped entry from the kernel.
pub fn enter<P: Arm64Port, X: Class>(x: &Exception<'_, P, X, Entered>) {
    super::enter(x);
}

/// The shipped exit.
pub fn check<P: Arm64Port, X: Class>(x: &Exception<'_, P, X, Ready>) {
    super::check(x);
}

/// What a CPU does for the next task, without waiting for the last one's faults.
pub fn use_checks_of<K: Bodies>(to: &Thread) {
    super::use_checks::<CpuOf<K>>(to.tag_checks::<CpuOf<K>>());
    CpuOf::<K>::isb();
}
