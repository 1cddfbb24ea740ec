//! Exceptions from user mode.

use super::cpu::{
    capture_fault_address, capture_syndrome, capture_user, irq_stack_top, load_first_fpsimd, mask, open, put_back_user,
    step_is_over,
};
use super::exception_class::{BRK, DATA_ABORT_LOWER, INSTRUCTION_ABORT_LOWER, SOFTWARE_STEP_LOWER, SVC, UNKNOWN};
use super::steps::{
    AS_NMI, SYSCALL_ENTRY, SYSCALL_EXIT, enter_anywhere, enter_from_user, irqs_off, irqs_on, is_traced, leave_anywhere,
    leave_to_user, prepare_for_user,
};
use super::{interrupt_on_irq_stack, serror_body};
use crate::hooks;
use core::hint::cold_path;
use vestibule::Call;
use vestibule_arm64::{Frame, NO_SYSCALL};

#[unsafe(link_section = ".noinstr.text")]
pub unsafe extern "C" fn sync<const TRACKED: bool>(frame: &mut Frame) {
    capture_user(frame);
    match capture_syndrome(frame) {
        SVC => svc::<TRACKED>(frame),
        class => {
            cold_path();
            match class {
                DATA_ABORT_LOWER | INSTRUCTION_ABORT_LOWER => {
                    capture_fault_address(frame);
                    abort::<TRACKED>(frame);
                }
                BRK => brk::<TRACKED>(frame),
                SOFTWARE_STEP_LOWER => step::<TRACKED>(frame),
                UNKNOWN => undefined::<TRACKED>(frame),
                _ => unhandled::<TRACKED>(frame),
            }
        }
    }
    put_back_user(frame);
}

#[unsafe(link_section = ".noinstr.text")]
fn svc<const TRACKED: bool>(frame: &mut Frame) {
    enter_from_user::<TRACKED>();
    frame.syscall = frame.regs[8];
    frame.first_argument = frame.regs[0];
    irqs_on::<TRACKED>();
    open!(15);
    call(frame);
    mask!(15);
    irqs_off::<TRACKED>();
    prepare_for_user::<TRACKED>(frame);
    leave_to_user::<TRACKED>();
}

/// Seen by who traces the task before it is made and after.
#[inline(always)]
fn call(frame: &mut Frame) {
    let mut made = Call::Make;
    if is_traced(SYSCALL_ENTRY) {
        cold_path();
        made = hooks::trace_entry(frame);
    }
    if made == Call::Make {
        hooks::body_syscall(frame);
    }
    if is_traced(SYSCALL_EXIT) {
        cold_path();
        hooks::trace_exit(frame);
    }
}

macro_rules! handlers {
    ($($name:ident($frame:ident), $syscall:expr, $body:ident;)*) => {$(
        #[unsafe(link_section = ".noinstr.text")]
        fn $name<const TRACKED: bool>($frame: &mut Frame) {
            enter_from_user::<TRACKED>();
            $frame.syscall = $syscall;
            irqs_on::<TRACKED>();
            open!(15);
            hooks::$body($frame);
            mask!(15);
            irqs_off::<TRACKED>();
            prepare_for_user::<TRACKED>($frame);
            leave_to_user::<TRACKED>();
        }
    )*};
}
handlers! {
    abort(frame), NO_SYSCALL, body_user_abort;
    brk(frame), NO_SYSCALL, body_user_brk;
    undefined(frame), NO_SYSCALL, body_user_undefined;
    unhandled(frame), NO_SYSCALL, body_user_unhandled;
}

#[unsafe(link_section = ".noinstr.text")]
fn step<const TRACKED: bool>(frame: &mut Frame) {
    enter_from_user::<TRACKED>();
    frame.syscall = NO_SYSCALL;
    step_is_over();
    irqs_on::<TRACKED>();
    open!(15);
    hooks::body_user_step(frame);
    mask!(15);
    irqs_off::<TRACKED>();
    prepare_for_user::<TRACKED>(frame);
    leave_to_user::<TRACKED>();
}

#[unsafe(link_section = ".noinstr.text")]
pub unsafe extern "C" fn irq<const TRACKED: bool>(frame: &mut Frame) {
    capture_user(frame);
    handle_irq::<TRACKED>(frame);
    put_back_user(frame);
}

#[unsafe(link_section = ".noinstr.text")]
fn handle_irq<const TRACKED: bool>(frame: &mut Frame) {
    enter_from_user::<TRACKED>();
    frame.syscall = NO_SYSCALL;
    interrupt_on_irq_stack::<TRACKED>(frame, irq_stack_top());
    prepare_for_user::<TRACKED>(frame);
    leave_to_user::<TRACKED>();
}

#[unsafe(link_section = ".noinstr.text")]
pub unsafe extern "C" fn serror<const TRACKED: bool>(frame: &mut Frame) {
    capture_user(frame);
    capture_syndrome(frame);
    handle_serror::<TRACKED>(frame);
    put_back_user(frame);
}

#[unsafe(link_section = ".noinstr.text")]
fn handle_serror<const TRACKED: bool>(frame: &mut Frame) {
    enter_from_user::<TRACKED>();
    frame.syscall = NO_SYSCALL;
    open!(8);
    let believed_on = enter_anywhere::<TRACKED>(AS_NMI);
    serror_body(frame);
    leave_anywhere::<TRACKED>(believed_on, AS_NMI);
    irqs_on::<TRACKED>();
    open!(7);
    mask!(15);
    irqs_off::<TRACKED>();
    prepare_for_user::<TRACKED>(frame);
    leave_to_user::<TRACKED>();
}

/// The exit of a system call that was never made.
#[unsafe(link_section = ".noinstr.text")]
pub unsafe fn first<const TRACKED: bool>(frame: &mut Frame) {
    leave_first::<TRACKED>(frame);
    put_back_user(frame);
}

#[unsafe(link_section = ".noinstr.text")]
fn leave_first<const TRACKED: bool>(frame: &mut Frame) {
    mask!(15);
    irqs_off::<TRACKED>();
    prepare_for_user::<TRACKED>(frame);
    load_first_fpsimd();
    leave_to_user::<TRACKED>();
}
