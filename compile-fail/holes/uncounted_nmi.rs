//! An SError's body in an exception from user mode may be simply run: NMI-like accounting is left out, and nothing in the
//! row says that it belongs there. Should be: as `Hardirq`, a context of its own or a word in the row.
//@ not_counted: compiles

#![forbid(unsafe_code)]

use support::*;

pub fn serror<P: Arm64Port>(taken: Taken<'_, P, El0Serror>) -> Restored<'_, P, El0Serror> {
    let x = taken.enter().open();
    #[cfg(not(bad = "not_counted"))]
    let x = x.run_nmi(P::Kernel::serror_corrected);
    #[cfg(bad = "not_counted")]
    let x = x.run(P::Kernel::serror_corrected);
    x.then().mask().prepare().restore()
}
