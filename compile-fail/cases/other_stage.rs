//! A step's place is checked, not only its order: a port's own step names the stage that it belongs to.
//@ too_early: E0308 "&Exception" "Ready>`" "Masked>`"

use support::*;

/// A port's last step before `restore`, such as the tag-check status of the kernel.
pub fn last_step<P: Arm64Port, X: Class>(_: &Exception<'_, P, X, Ready>) {}

pub fn handler<P: Arm64Port>(taken: Taken<'_, P, El1Abort>) -> Restored<'_, P, El1Abort> {
    let x = taken.enter().open().run(P::Kernel::kernel_abort).mask();
    #[cfg(bad = "too_early")]
    last_step(&x);
    let x = x.prepare();
    #[cfg(good)]
    last_step(&x);
    x.restore()
}
