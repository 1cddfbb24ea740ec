//! Nobody outside a port begins an exception, and nobody but `restore` ends one.
//@ taken_literal: E0451 "of struct `Taken` are private"
//@ taken_literal: error "type `Unrestored<"
//@ taken_without_key: E0061 "argument #2"
//@ exception_literal: E0451 "of struct `Exception` are private"
//@ exception_literal: error "type `Unrestored<"
//@ restored_literal: E0423 "cannot initialize a tuple struct which contains private fields"
//@ leave_without_key: E0061 "argument #1"

use support::*;

pub fn forge<'f, P: Arm64Port>(
    frame: &'f mut Frame,
    cpu: Cpu<P::Kernel, Critical>,
    honest: Exception<'f, P, El1Brk, Ready>,
) {
    #[cfg(bad = "taken_literal")]
    let taken: Taken<'_, P, El1Brk> = Taken { frame, unrestored: unreachable!() };
    #[cfg(bad = "taken_without_key")]
    let taken: Taken<'_, P, El1Brk> = Taken::claim(frame);
    #[cfg(bad = "exception_literal")]
    let honest: Exception<'_, P, El1Brk, Ready> =
        Exception { frame, noted: unreachable!(), cpu, unrestored: unreachable!() };
    #[cfg(not(bad = "restored_literal"))]
    let restored: Restored<'_, P, El1Brk> = honest.restore();
    #[cfg(bad = "restored_literal")]
    let restored: Restored<'_, P, El1Brk> = Restored(PhantomData);
    #[cfg(bad = "leave_without_key")]
    restored.leave();
}
