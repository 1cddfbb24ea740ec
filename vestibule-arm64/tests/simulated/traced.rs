//! System calls that somebody traces.

use crate::cpu::with;
use crate::exceptions::{Exception, take};
use crate::kernels::Watched;
use crate::scenario::{at_text, record, set, sound_in_user_mode};
use expect_test::{Expect, expect};
use vestibule::Flags;

/// A system call of a task that is traced so; what of the kernel runs.
fn traced(flags: Flags, also: impl FnOnce() + Send + 'static, expected: Expect) {
    let report = sound_in_user_mode::<Watched>(move || {
        set(flags);
        record();
        also();
        take(Exception::Svc);
    });
    expected.assert_eq(&report.kernel());
}

const BOTH: Flags = Flags::SYSCALL_ENTRY.and(Flags::SYSCALL_EXIT);

#[test]
fn seen_before_and_after_with_everything_open_and_before_signals() {
    traced(
        BOTH.and(Flags::SIGNAL),
        || {},
        expect![[r#"
            work trace entry [....] on the task stack
            body syscall [....] on the task stack
            work trace exit [....] on the task stack
            work signal [....] on the task stack
        "#]],
    );
}

#[test]
fn one_that_is_skipped_is_not_made_and_its_end_is_seen() {
    traced(
        BOTH,
        || with(|state| state.tracer_skips = true),
        expect![[r#"
            work trace entry [....] on the task stack
            work trace exit [....] on the task stack
        "#]],
    );
}

#[test]
fn who_begins_to_trace_during_a_call_sees_its_end() {
    traced(
        Flags::SYSCALL_ENTRY,
        || at_text("body", || set(Flags::SYSCALL_EXIT)),
        expect![[r#"
            work trace entry [....] on the task stack
            body syscall [....] on the task stack
            work trace exit [....] on the task stack
        "#]],
    );
}

#[test]
fn no_other_exception_is_traced() {
    let report = sound_in_user_mode::<Watched>(|| {
        set(BOTH);
        record();
        take(Exception::DataAbort);
    });
    assert_eq!(report.kernel(), "body user_abort [....] on the task stack\n");
}
