//! An exception that was taken is not dropped on any path that goes on, at any stage; a path that ends there may.
//@ codegen
//@ never_entered: E0080 "an exception was entered, and on some path it is dropped instead of restored" "Unrestored<'_, El1Brk>"
//@ on_one_path: E0080 "an exception was entered, and on some path it is dropped instead of restored" "Unrestored<'_, El1Abort>"
//@ with_its_parts: E0080 "an exception was entered, and on some path it is dropped instead of restored" "Unrestored<'_, El1Abort>"
//@ nested: E0080 "an exception was entered, and on some path it is dropped instead of restored" "Unrestored<'_, El1Brk>"
//@ on_irq_stack: E0080 "an exception was entered, and on some path it is dropped instead of restored" "Unrestored<'_, El1Irq>"
//@ instantiated_later: E0080 "an exception was entered, and on some path it is dropped instead of restored" "Unrestored<'_, El1Abort>"

use support::*;

#[unsafe(no_mangle)]
pub fn abort(taken: Taken<'_, SomePort, El1Abort>) -> Option<Restored<'_, SomePort, El1Abort>> {
    let x = taken.enter().open().run(SomeKernel::kernel_abort);
    if x.frame().pc == 0 {
        vestibule_arm64::die::<SomeKernel>("a path that ends here", &mut x.frame().clone());
    }
    #[cfg(bad = "on_one_path")]
    if x.frame().fault_address == 0 {
        return None;
    }
    let x = x.mask();
    #[cfg(bad = "with_its_parts")]
    if x.frame().fault_address == 0 {
        let boxed = (0, x);
        return None;
    }
    Some(x.prepare().restore())
}

#[unsafe(no_mangle)]
pub fn nested<'f>(
    outer: Taken<'f, SomePort, El1Abort>,
    inner: Taken<'_, SomePort, El1Brk>,
) -> Restored<'f, SomePort, El1Abort> {
    let outer = outer.enter().open().run(SomeKernel::kernel_abort);
    #[cfg(not(bad = "never_entered"))]
    let inner = inner.enter().open().run(SomeKernel::kernel_brk).mask();
    #[cfg(not(any(bad = "nested", bad = "never_entered")))]
    let _inner = inner.restore();
    outer.mask().prepare().restore()
}

#[unsafe(no_mangle)]
pub fn irq(taken: Taken<'_, SomePort, El1Irq>) -> Option<Restored<'_, SomePort, El1Irq>> {
    let mut left = None;
    let x = taken.enter().on_irq_stack(|x| {
        #[cfg(bad = "on_irq_stack")]
        left.replace(0);
        x.open().acknowledge(acknowledge, nmi).0.then().run_hardirq(interrupt).mask()
    });
    #[cfg(bad = "on_irq_stack")]
    left?;
    left.get_or_insert(0);
    Some(x.prepare().restore())
}

/// A generic handler is as wrong as what it is instantiated for.
pub fn generic<P: Arm64Port>(taken: Taken<'_, P, El1Abort>) -> Option<Restored<'_, P, El1Abort>> {
    let x = taken.enter();
    #[cfg(bad = "instantiated_later")]
    if x.frame().pc == 0 {
        return None;
    }
    Some(x.open().run(P::Kernel::kernel_abort).mask().prepare().restore())
}

#[unsafe(no_mangle)]
pub fn instance(taken: Taken<'_, SomePort, El1Abort>) -> Option<Restored<'_, SomePort, El1Abort>> {
    generic(taken)
}
