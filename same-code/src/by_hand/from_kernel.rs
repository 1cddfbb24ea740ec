//! Exceptions from the kernel.

use super::cpu::{
    capture, capture_fault_address, capture_syndrome, free_irq_stack, inherit_masks, irqs_were_on, mask, open, put_back,
};
use super::exception_class::{BRK, DATA_ABORT_CURRENT, INSTRUCTION_ABORT_CURRENT, UNKNOWN};
use super::steps::{
    AS_NMI, PREEMPT, enter_anywhere, enter_from_kernel, irqs_off, irqs_on, leave_anywhere, leave_to_kernel,
    prepare_for_kernel,
};
use super::{interrupt, interrupt_on_irq_stack, serror_body};
use crate::hooks;
use vestibule::Why;
use vestibule_arm64::Frame;

#[unsafe(link_section = ".noinstr.text")]
pub unsafe extern "C" fn sync<const TRACKED: bool>(frame: &mut Frame) {
    capture(frame);
    match capture_syndrome(frame) {
        DATA_ABORT_CURRENT | INSTRUCTION_ABORT_CURRENT => {
            capture_fault_address(frame);
            abort::<TRACKED>(frame);
        }
        BRK => brk::<TRACKED>(frame),
        UNKNOWN => undefined::<TRACKED>(frame),
        _ => die::<TRACKED>(frame, "unhandled synchronous exception in the kernel"),
    }
    put_back(frame);
}

#[unsafe(link_section = ".noinstr.text")]
fn abort<const TRACKED: bool>(frame: &mut Frame) {
    let idle = enter_from_kernel::<TRACKED>();
    if irqs_were_on(frame) {
        irqs_on::<TRACKED>();
    }
    inherit_masks(frame);
    hooks::body_kernel_abort(frame);
    mask!(15);
    if irqs_were_on(frame) {
        irqs_off::<TRACKED>();
    }
    prepare_for_kernel(frame, &idle, Why::KernelExit("el1_abort"));
    leave_to_kernel::<TRACKED>(frame, idle);
}

#[unsafe(link_section = ".noinstr.text")]
fn undefined<const TRACKED: bool>(frame: &mut Frame) {
    let idle = enter_from_kernel::<TRACKED>();
    if irqs_were_on(frame) {
        irqs_on::<TRACKED>();
    }
    inherit_masks(frame);
    hooks::body_kernel_undefined(frame);
    mask!(15);
    if irqs_were_on(frame) {
        irqs_off::<TRACKED>();
    }
    prepare_for_kernel(frame, &idle, Why::KernelExit("el1_undefined"));
    leave_to_kernel::<TRACKED>(frame, idle);
}

#[unsafe(link_section = ".noinstr.text")]
fn brk<const TRACKED: bool>(frame: &mut Frame) {
    let believed_on = enter_anywhere::<TRACKED>(PREEMPT);
    hooks::body_kernel_brk(frame);
    leave_anywhere::<TRACKED>(believed_on, PREEMPT);
}

#[unsafe(link_section = ".noinstr.text")]
pub unsafe extern "C" fn irq<const TRACKED: bool>(frame: &mut Frame) {
    capture(frame);
    handle_irq::<TRACKED>(frame);
    put_back(frame);
}

#[unsafe(link_section = ".noinstr.text")]
fn handle_irq<const TRACKED: bool>(frame: &mut Frame) {
    let idle = enter_from_kernel::<TRACKED>();
    match free_irq_stack() {
        Some(top) => interrupt_on_irq_stack::<TRACKED>(frame, top),
        None => interrupt::<TRACKED>(frame),
    }
    prepare_for_kernel(frame, &idle, Why::KernelExit("el1_irq"));
    leave_to_kernel::<TRACKED>(frame, idle);
}

#[unsafe(link_section = ".noinstr.text")]
pub unsafe extern "C" fn serror<const TRACKED: bool>(frame: &mut Frame) {
    capture(frame);
    capture_syndrome(frame);
    handle_serror::<TRACKED>(frame);
    put_back(frame);
}

#[unsafe(link_section = ".noinstr.text")]
fn handle_serror<const TRACKED: bool>(frame: &mut Frame) {
    let believed_on = enter_anywhere::<TRACKED>(AS_NMI);
    open!(8);
    serror_body(frame);
    mask!(15);
    leave_anywhere::<TRACKED>(believed_on, AS_NMI);
}

#[unsafe(link_section = ".noinstr.text")]
pub unsafe extern "C" fn unexpected<const TRACKED: bool, const SYNDROME: bool>(frame: &mut Frame) {
    capture(frame);
    capture_cause::<SYNDROME>(frame);
    die::<TRACKED>(frame, "exception through a vector that nothing should come to");
}

#[unsafe(link_section = ".noinstr.text")]
pub unsafe extern "C" fn stack_overflow<const TRACKED: bool, const SYNDROME: bool>(frame: &mut Frame) {
    capture(frame);
    capture_cause::<SYNDROME>(frame);
    die::<TRACKED>(frame, "kernel stack overflow");
}

#[inline(always)]
fn capture_cause<const SYNDROME: bool>(frame: &mut Frame) {
    if SYNDROME {
        capture_syndrome(frame);
        capture_fault_address(frame);
    } else {
        frame.syndrome = 0;
    }
}

#[unsafe(link_section = ".noinstr.text")]
fn die<const TRACKED: bool>(frame: &mut Frame, what: &'static str) -> ! {
    enter_anywhere::<TRACKED>(AS_NMI);
    hooks::die(what, frame)
}
