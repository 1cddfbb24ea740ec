//! A class's exception goes to the handler of that class: in the triage and in the table.
//@ triage: E0308 "El1Undefined>`, found" "El1Abort>`"
//@ table: E0308 "expected fn pointer" "El1Abort" "El1Undefined"

use support::*;

pub fn abort<P: Arm64Port>(taken: Taken<'_, P, El1Abort>) -> Restored<'_, P, El1Abort> {
    taken.enter().open().run(|cpu, _| cpu).mask().prepare().restore()
}

pub fn undefined<P: Arm64Port>(taken: Taken<'_, P, El1Undefined>) -> Restored<'_, P, El1Undefined> {
    taken.enter().open().run(|cpu, _| cpu).mask().prepare().restore()
}

pub fn triage<P: Arm64Port>(taken: Taken<'_, P, El1Abort>) {
    #[cfg(not(bad = "triage"))]
    let _ = abort(taken);
    #[cfg(bad = "triage")]
    let _ = undefined(taken);
}

/// The check that the `classes!` table of the port makes of each row.
pub fn row_of_el1_abort<P: Arm64Port>() {
    #[cfg(not(bad = "table"))]
    let _: for<'f> fn(Taken<'f, P, El1Abort>) -> Restored<'f, P, El1Abort> = abort::<P>;
    #[cfg(bad = "table")]
    let _: for<'f> fn(Taken<'f, P, El1Abort>) -> Restored<'f, P, El1Abort> = undefined::<P>;
}
