//! A body gives back the token that it got: the context it leaves is the one it found.
//@ nothing: E0308 "expected `Cpu<" "found `()`"
//@ nothing_on_one_path: E0308 "expected `Cpu<" "found `()`"
//@ other_context: E0308 "found `Cpu<<P as Port>::Kernel, NoIrq>`"
//@ resolved: E0308 "found `Resolved<<P as Port>::Kernel>`"
//@ borrowed: E0308 "expected `Cpu<<P as Port>::Kernel, Inherit>`, found `&Cpu<<P as Port>::Kernel, Inherit>`"
//@ kept: E0382 "use of moved value: `cpu`"

use support::*;

pub fn handler<P: Arm64Port>(
    taken: Taken<'_, P, El1Abort>,
    no_irq: Cpu<P::Kernel, NoIrq>,
) -> Restored<'_, P, El1Abort> {
    let mut kept = None;
    let x = taken.enter().open();
    let x = x.run(|cpu, frame| -> Cpu<P::Kernel, Inherit> {
        #[cfg(bad = "nothing_on_one_path")]
        if frame.pc == 0 {
            return ();
        }
        #[cfg(bad = "kept")]
        {
            kept = Some(cpu);
        }
        #[cfg(any(good, bad = "kept", bad = "nothing_on_one_path"))]
        return cpu;
        #[cfg(bad = "nothing")]
        return ();
        #[cfg(bad = "other_context")]
        return no_irq;
        #[cfg(bad = "resolved")]
        return cpu.resolve();
        #[cfg(bad = "borrowed")]
        return &cpu;
    });
    #[cfg(not(bad = "kept"))]
    {
        kept = Some(());
    }
    x.mask().prepare().restore()
}
