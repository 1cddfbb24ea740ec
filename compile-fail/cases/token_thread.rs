//! A token, and whatever holds one, stays where it is true: neither `Send` nor `Sync`.
//@ token_send: E0277 "cannot be sent between threads safely" "required because it appears within the type `Cpu<SomeKernel, NoIrq>`"
//@ token_sync: E0277 "cannot be shared between threads safely" "required because it appears within the type `Cpu<SomeKernel, NoIrq>`"
//@ borrow_send: E0277 "cannot be shared between threads safely" "required because it appears within the type `Cpu<SomeKernel, NoIrq>`"
//@ taken_send: E0277 "cannot be sent between threads safely" "required because it appears within the type `Taken<"
//@ exception_send: E0277 "cannot be sent between threads safely" "required because it appears within the type `Exception<"
//@ exception_send: E0277 "cannot be sent between threads safely" "required because it appears within the type `Exception<"
//@ restored_send: E0277 "cannot be sent between threads safely" "required because it appears within the type `Restored<"
//@ resolved_send: E0277 "cannot be sent between threads safely" "required because it appears within the type `Resolved<"
//@ irqs_off_send: E0277 "cannot be sent between threads safely" "required because it appears within the type `Guard<"
//@ preempt_off_send: E0277 "cannot be sent between threads safely" "required because it appears within the type `Guard<"
//@ irqs_saved_send: E0277 "cannot be sent between threads safely" "required because it appears within the type `IrqsSaved<"

use support::*;

fn sent<T: Send>() {}
fn shared<T: Sync>() {}

pub fn elsewhere() {
    #[cfg(good)]
    sent::<Frame>();
    #[cfg(good)]
    shared::<TaskWord>();
    #[cfg(bad = "token_send")]
    sent::<Cpu<SomeKernel, NoIrq>>();
    #[cfg(bad = "token_sync")]
    shared::<Cpu<SomeKernel, NoIrq>>();
    #[cfg(bad = "borrow_send")]
    sent::<&Cpu<SomeKernel, NoIrq>>();
    #[cfg(bad = "taken_send")]
    sent::<Taken<'static, SomePort, El1Abort>>();
    #[cfg(bad = "exception_send")]
    sent::<Exception<'static, SomePort, El1Abort, Masked>>();
    #[cfg(bad = "restored_send")]
    sent::<Restored<'static, SomePort, El1Abort>>();
    #[cfg(bad = "resolved_send")]
    sent::<Resolved<SomeKernel>>();
    #[cfg(bad = "irqs_off_send")]
    sent::<IrqsOff<'static, SomeKernel, Process>>();
    #[cfg(bad = "preempt_off_send")]
    sent::<PreemptOff<'static, SomeKernel>>();
    #[cfg(bad = "irqs_saved_send")]
    sent::<IrqsSaved<SomeKernel>>();
}
