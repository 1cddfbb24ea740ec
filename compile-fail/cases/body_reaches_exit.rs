//! A body cannot reach the exit of the exception that it runs in.
//@ captures: E0382 "use of moved value: `x`"
//@ borrows: E0382 "borrow of moved value: `x`"
//@ masks: E0599 "no method named `mask` found for struct `Cpu<"
//@ restores: E0599 "no method named `restore` found for struct `Cpu<"
//@ in_place: E0382 "use of moved value: `x`"

use support::*;

pub fn handler<P: Arm64Port>(taken: Taken<'_, P, El1Abort>) -> Restored<'_, P, El1Abort> {
    let x = taken.enter().open();
    #[cfg(not(any(bad = "captures", bad = "borrows", bad = "in_place")))]
    let x = x.run(|cpu, frame| {
        #[cfg(bad = "masks")]
        cpu.mask();
        #[cfg(bad = "restores")]
        cpu.restore();
        cpu
    });
    #[cfg(bad = "captures")]
    let x = x.run(|cpu, _| {
        x.frame();
        drop(x);
        cpu
    });
    #[cfg(bad = "borrows")]
    let x = x.run(|cpu, _| {
        x.frame();
        cpu
    });
    #[cfg(bad = "in_place")]
    let x = x.run(move |cpu, _| {
        drop(x.run(|cpu, _| cpu).mask().prepare().restore());
        cpu
    });
    x.mask().prepare().restore()
}
