//! Every step is taken once: each consumes what it starts from.
//@ enter_twice: E0382 "use of moved value: `taken`"
//@ open_twice: E0382 "use of moved value: `entered`"
//@ run_twice: E0382 "use of moved value: `open`"
//@ mask_twice: E0382 "use of moved value: `ran`"
//@ prepare_twice: E0382 "use of moved value: `masked`"
//@ restore_twice: E0382 "use of moved value: `ready`"
//@ look_after_restore: E0382 "borrow of moved value: `ready`"

use support::*;

pub fn handler<P: Arm64Port>(taken: Taken<'_, P, El1Abort>) -> Restored<'_, P, El1Abort> {
    let entered = taken.enter();
    #[cfg(bad = "enter_twice")]
    let entered = taken.enter();
    let open = entered.open();
    #[cfg(bad = "open_twice")]
    let open = entered.open();
    let ran = open.run(P::Kernel::kernel_abort);
    #[cfg(bad = "run_twice")]
    let ran = open.run(P::Kernel::kernel_abort);
    let masked = ran.mask();
    #[cfg(bad = "mask_twice")]
    let masked = ran.mask();
    let ready = masked.prepare();
    #[cfg(bad = "prepare_twice")]
    let ready = masked.prepare();
    let restored = ready.restore();
    #[cfg(bad = "restore_twice")]
    let restored = ready.restore();
    #[cfg(bad = "look_after_restore")]
    ready.frame();
    restored
}
