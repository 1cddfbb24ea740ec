//! A handler that does not restore, on any of its paths, has nothing to return.
//@ always: E0308 "expected `Restored<" "found `Exception<"
//@ on_one_path: E0308 "expected `Restored<" "found `Exception<"
//@ returns_nothing_on_one_path: E0069 "`return;` in a function whose return type is not `()`"
//@ last_step_is_a_statement: E0308 "expected `Restored<" "found `()`"

use support::*;

pub fn handler<P: Arm64Port>(taken: Taken<'_, P, El1Abort>) -> Restored<'_, P, El1Abort> {
    let x = taken.enter().open().run(P::Kernel::kernel_abort);
    if x.frame().fault_address == 0 {
        let x = x.mask().prepare();
        #[cfg(not(any(bad = "on_one_path", bad = "returns_nothing_on_one_path")))]
        return x.restore();
        #[cfg(bad = "on_one_path")]
        return x;
        #[cfg(bad = "returns_nothing_on_one_path")]
        return;
    }
    let x = x.mask().prepare();
    #[cfg(bad = "always")]
    return x;
    #[cfg(bad = "last_step_is_a_statement")]
    {
        x.restore();
    }
    #[cfg(not(any(bad = "always", bad = "last_step_is_a_statement")))]
    x.restore()
}
