//! What the library does not see yet: each test plants a bug that no check reports, or shows a rule that is broken. One
//! that is closed fails here, and moves to the tests of what is seen.

use crate::cpu::with;
use crate::exceptions::{Exception, in_user_mode, take};
use crate::kernels::Watched;
use crate::memory::Cell;
use crate::scenario::{at_text, corrupt, record, simulate, stop};
use vestibule::IrqsSaved;

/// C67: that the count went down once too often is not seen where it happens, but by whoever goes to sleep next.
#[test]
fn c67_an_exit_too_many_is_seen_late() {
    let report = simulate::<Watched>(|cpu| {
        in_user_mode(cpu, || {
            record();
            at_text("body", || corrupt(Cell::Nesting, |nesting| nesting - 2));
            take(Exception::Svc);
        });
    });
    assert_eq!(report.constraints(), ["C70 at enter the quiescent state"]);
}

/// Two of them that end in the order in which they began.
#[test]
fn irqs_saved_do_not_nest_by_type() {
    let report = simulate::<Watched>(|_cpu| {
        record();
        let first = IrqsSaved::<Watched>::save();
        let second = IrqsSaved::<Watched>::save();
        drop(first);
        assert_eq!(with(|state| state.daif), 0, "and `second` still says `NoIrq`");
        drop(second);
        stop();
    });
    assert_eq!(report.constraints(), [""; 0]);
}
