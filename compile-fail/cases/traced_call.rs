//! Who traces a system call sees it before it is made, and sees its end, once each.
//@ untraced: E0277 "a `Syscall` exception's body is not simply run" "who traces system calls sees it first"
//@ unseen: E0599 "no method named `call` found for struct `Exception<"
//@ end_unseen: E0599 "no method named `mask` found for struct `Exception<"
//@ seen_twice: E0599 "no method named `trace_exit` found for struct `Exception<"
//@ not_made: E0599 "no method named `trace_exit` found for struct `Traced<"
//@ no_call: E0599 "the method `trace_entry` exists for struct `Exception<"

use support::*;

pub fn svc<P: Arm64Port>(taken: Taken<'_, P, El0Svc>) -> Restored<'_, P, El0Svc> {
    let x = taken.enter().open();
    #[cfg(not(any(bad = "untraced", bad = "unseen")))]
    let x = x.trace_entry();
    #[cfg(not(any(bad = "untraced", bad = "not_made")))]
    let x = x.call(P::Kernel::syscall);
    #[cfg(bad = "untraced")]
    let x = x.run(P::Kernel::syscall);
    #[cfg(not(any(bad = "untraced", bad = "end_unseen")))]
    let x = x.trace_exit();
    #[cfg(bad = "seen_twice")]
    let x = x.trace_exit();
    x.mask().prepare().restore()
}

pub fn abort<P: Arm64Port>(taken: Taken<'_, P, El0Abort>) -> Restored<'_, P, El0Abort> {
    let x = taken.enter().open();
    #[cfg(bad = "no_call")]
    let x = x.trace_entry();
    let x = x.run(P::Kernel::user_abort);
    x.mask().prepare().restore()
}
