//! Exceptions from user mode.

use super::breakpoints;
use super::cpu::{
    capture_fault_address, capture_syndrome, capture_user, irq_stack_top, load_first_fpsimd, put_back_user,
    step_is_over, word,
};
use super::exception_class::{
    BREAKPOINT_LOWER, BRK, DATA_ABORT_LOWER, INSTRUCTION_ABORT_LOWER, SOFTWARE_STEP_LOWER, SVC, UNKNOWN,
    WATCHPOINT_LOWER,
};
use super::interrupts::interrupt_on_irq_stack;
use super::masks::{mask, open, open_after_serror, open_to_serror_masked};
use super::steps::{
    AS_NMI, PREEMPT, SYSCALL_ENTRY, SYSCALL_EXIT, enter_anywhere, enter_from_user, irqs_off, irqs_on, is_traced,
    leave_anywhere, leave_to_user, prepare_for_user,
};
use super::{user_serror_body, user_serror_opened_body};
use crate::hooks;
use core::hint::cold_path;
use core::sync::atomic::Ordering::Relaxed;
use vestibule::Call;
use vestibule_arm64::breakpoints::{Hit, Kind};
use vestibule_arm64::{Frame, NO_SYSCALL};

#[unsafe(link_section = ".noinstr.text")]
pub unsafe extern "C" fn sync<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    capture_user(frame);
    match capture_syndrome(frame) {
        SVC => svc::<TRACKED, BACKEND>(frame),
        class => {
            cold_path();
            match class {
                DATA_ABORT_LOWER | INSTRUCTION_ABORT_LOWER => {
                    capture_fault_address(frame);
                    abort::<TRACKED, BACKEND>(frame);
                }
                BRK => brk::<TRACKED, BACKEND>(frame),
                BREAKPOINT_LOWER => breakpoint::<TRACKED, BACKEND>(frame),
                WATCHPOINT_LOWER => {
                    capture_fault_address(frame);
                    watchpoint::<TRACKED, BACKEND>(frame);
                }
                SOFTWARE_STEP_LOWER => step::<TRACKED, BACKEND>(frame),
                UNKNOWN => undefined::<TRACKED, BACKEND>(frame),
                _ => unhandled::<TRACKED, BACKEND>(frame),
            }
        }
    }
    put_back_user(frame);
}

#[unsafe(link_section = ".noinstr.text")]
fn svc<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    enter_from_user::<TRACKED>();
    frame.syscall = frame.regs[8];
    frame.first_argument = frame.regs[0];
    irqs_on::<TRACKED>();
    open::<BACKEND>();
    call(frame);
    mask::<BACKEND>();
    irqs_off::<TRACKED>();
    prepare_for_user::<TRACKED, BACKEND>(frame);
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
    ($($name:ident, $body:ident;)*) => {$(
        #[unsafe(link_section = ".noinstr.text")]
        fn $name<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
            enter_from_user::<TRACKED>();
            frame.syscall = NO_SYSCALL;
            irqs_on::<TRACKED>();
            open::<BACKEND>();
            hooks::$body(frame);
            mask::<BACKEND>();
            irqs_off::<TRACKED>();
            prepare_for_user::<TRACKED, BACKEND>(frame);
            leave_to_user::<TRACKED>();
        }
    )*};
}
handlers! {
    abort, body_user_abort;
    brk, body_user_brk;
    undefined, body_user_undefined;
    unhandled, body_user_unhandled;
}

#[unsafe(link_section = ".noinstr.text")]
#[inline(never)]
fn step<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    enter_from_user::<TRACKED>();
    frame.syscall = NO_SYSCALL;
    let is_told = step_is_over();
    irqs_on::<TRACKED>();
    open::<BACKEND>();
    if is_told {
        hooks::body_user_step(frame);
    }
    mask::<BACKEND>();
    irqs_off::<TRACKED>();
    prepare_for_user::<TRACKED, BACKEND>(frame);
    leave_to_user::<TRACKED>();
}

macro_rules! points {
    ($($name:ident, $body:ident, $kind:ident;)*) => {$(
        #[unsafe(link_section = ".noinstr.text")]
        #[inline(never)]
        fn $name<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
            enter_from_user::<TRACKED>();
            frame.syscall = NO_SYSCALL;
            word().fetch_add(PREEMPT, Relaxed);
            let hit = hooks::$body(frame);
            if hit == Hit::Passed {
                breakpoints::suspend(Kind::$kind, frame);
            }
            word().fetch_add(PREEMPT.wrapping_neg(), Relaxed);
            irqs_on::<TRACKED>();
            open::<BACKEND>();
            if hit == Hit::Told {
                hooks::body_user_hit(frame);
            }
            mask::<BACKEND>();
            irqs_off::<TRACKED>();
            prepare_for_user::<TRACKED, BACKEND>(frame);
            leave_to_user::<TRACKED>();
        }
    )*};
}
points! {
    breakpoint, body_user_breakpoint, Breakpoint;
    watchpoint, body_user_watchpoint, Watchpoint;
}

#[unsafe(link_section = ".noinstr.text")]
pub unsafe extern "C" fn irq<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    capture_user(frame);
    handle_irq::<TRACKED, BACKEND>(frame);
    put_back_user(frame);
}

#[unsafe(link_section = ".noinstr.text")]
pub unsafe extern "C" fn fiq<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    capture_user(frame);
    handle_fiq::<TRACKED, BACKEND>(frame);
    put_back_user(frame);
}

#[unsafe(link_section = ".noinstr.text")]
fn handle_irq<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    handle_interrupt::<TRACKED, BACKEND, false>(frame);
}

#[unsafe(link_section = ".noinstr.text")]
fn handle_fiq<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    handle_interrupt::<TRACKED, BACKEND, true>(frame);
}

#[inline(always)]
fn handle_interrupt<const TRACKED: bool, const BACKEND: u8, const FIQ: bool>(frame: &mut Frame) {
    enter_from_user::<TRACKED>();
    frame.syscall = NO_SYSCALL;
    interrupt_on_irq_stack::<TRACKED, BACKEND, FIQ>(frame, irq_stack_top());
    prepare_for_user::<TRACKED, BACKEND>(frame);
    leave_to_user::<TRACKED>();
}

#[unsafe(link_section = ".noinstr.text")]
pub unsafe extern "C" fn serror<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    capture_user(frame);
    capture_syndrome(frame);
    handle_serror::<TRACKED, BACKEND>(frame);
    put_back_user(frame);
}

#[unsafe(link_section = ".noinstr.text")]
fn handle_serror<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    enter_from_user::<TRACKED>();
    frame.syscall = NO_SYSCALL;
    open_to_serror_masked();
    let believed_on = enter_anywhere::<TRACKED>(AS_NMI);
    user_serror_body(frame);
    leave_anywhere::<TRACKED>(believed_on, AS_NMI);
    irqs_on::<TRACKED>();
    open_after_serror::<BACKEND>();
    user_serror_opened_body(frame);
    mask::<BACKEND>();
    irqs_off::<TRACKED>();
    prepare_for_user::<TRACKED, BACKEND>(frame);
    leave_to_user::<TRACKED>();
}

/// The exit of a system call that was never made.
#[unsafe(link_section = ".noinstr.text")]
pub unsafe fn first<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    leave_first::<TRACKED, BACKEND>(frame);
    put_back_user(frame);
}

#[unsafe(link_section = ".noinstr.text")]
fn leave_first<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    mask::<BACKEND>();
    irqs_off::<TRACKED>();
    prepare_for_user::<TRACKED, BACKEND>(frame);
    load_first_fpsimd();
    leave_to_user::<TRACKED>();
}
