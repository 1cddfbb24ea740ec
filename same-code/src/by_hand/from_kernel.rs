//! Exceptions from the kernel.

use super::breakpoints;
use super::cpu::{capture, capture_fault_address, capture_syndrome, free_irq_stack, put_back};
use super::exception_class::{
    BREAKPOINT_CURRENT, BRK, DATA_ABORT_CURRENT, INSTRUCTION_ABORT_CURRENT, SOFTWARE_STEP_CURRENT, UNKNOWN,
    WATCHPOINT_CURRENT,
};
use super::interrupts::{interrupt_here, interrupt_on_irq_stack, is_nmi, nmi_here, nmi_on_irq_stack};
use super::masks::{inherit, irqs_were_on, mask, mask_from_nmis_masked, open_to_serror_masked};
use super::serror_body;
use super::steps::{
    AS_NMI, PREEMPT, enter_anywhere, enter_from_kernel, irqs_off, irqs_on, leave_anywhere, leave_to_kernel,
    prepare_for_kernel,
};
use crate::hooks;
use vestibule::Why;
use vestibule_arm64::Frame;
use vestibule_arm64::breakpoints::Kind;

#[unsafe(link_section = ".noinstr.text")]
pub unsafe extern "C" fn sync<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    capture(frame);
    match capture_syndrome(frame) {
        DATA_ABORT_CURRENT | INSTRUCTION_ABORT_CURRENT => {
            capture_fault_address(frame);
            abort::<TRACKED, BACKEND>(frame);
        }
        BRK => brk::<TRACKED, BACKEND>(frame),
        UNKNOWN => undefined::<TRACKED, BACKEND>(frame),
        class => rare::<TRACKED, BACKEND>(frame, class),
    }
    put_back(frame);
}

#[unsafe(link_section = ".noinstr.text")]
#[cold]
#[inline(never)]
fn rare<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame, class: u64) {
    if class == BREAKPOINT_CURRENT {
        breakpoint::<TRACKED, BACKEND>(frame);
    } else if class == SOFTWARE_STEP_CURRENT {
        step::<TRACKED, BACKEND>(frame);
    } else {
        capture_fault_address(frame);
        if class != WATCHPOINT_CURRENT {
            die::<TRACKED, BACKEND>(frame, "unhandled synchronous exception in the kernel")
        }
        watchpoint::<TRACKED, BACKEND>(frame);
    }
}

#[unsafe(link_section = ".noinstr.text")]
fn abort<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    let idle = enter_from_kernel::<TRACKED>();
    if TRACKED && irqs_were_on::<BACKEND>(frame) {
        irqs_on::<TRACKED>();
    }
    inherit::<BACKEND>(frame);
    hooks::body_kernel_abort(frame);
    mask::<BACKEND>();
    if TRACKED && irqs_were_on::<BACKEND>(frame) {
        irqs_off::<TRACKED>();
    }
    prepare_for_kernel::<BACKEND>(frame, &idle, Why::KernelExit("el1_abort"));
    leave_to_kernel::<TRACKED, BACKEND>(frame, idle);
}

#[unsafe(link_section = ".noinstr.text")]
fn undefined<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    let idle = enter_from_kernel::<TRACKED>();
    if TRACKED && irqs_were_on::<BACKEND>(frame) {
        irqs_on::<TRACKED>();
    }
    inherit::<BACKEND>(frame);
    hooks::body_kernel_undefined(frame);
    mask::<BACKEND>();
    if TRACKED && irqs_were_on::<BACKEND>(frame) {
        irqs_off::<TRACKED>();
    }
    prepare_for_kernel::<BACKEND>(frame, &idle, Why::KernelExit("el1_undefined"));
    leave_to_kernel::<TRACKED, BACKEND>(frame, idle);
}

#[unsafe(link_section = ".noinstr.text")]
fn brk<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    let believed_on = enter_anywhere::<TRACKED>(PREEMPT);
    hooks::body_kernel_brk(frame);
    leave_anywhere::<TRACKED>(believed_on, PREEMPT);
}

#[unsafe(link_section = ".noinstr.text")]
#[inline(never)]
fn breakpoint<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    let believed_on = enter_anywhere::<TRACKED>(PREEMPT);
    hooks::body_kernel_breakpoint(frame);
    breakpoints::suspend_in_kernel::<BACKEND>(Kind::Breakpoint, frame);
    leave_anywhere::<TRACKED>(believed_on, PREEMPT);
}

#[unsafe(link_section = ".noinstr.text")]
#[inline(never)]
fn watchpoint<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    let believed_on = enter_anywhere::<TRACKED>(PREEMPT);
    hooks::body_kernel_watchpoint(frame);
    breakpoints::suspend_in_kernel::<BACKEND>(Kind::Watchpoint, frame);
    leave_anywhere::<TRACKED>(believed_on, PREEMPT);
}

#[unsafe(link_section = ".noinstr.text")]
#[inline(never)]
fn step<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    let believed_on = enter_anywhere::<TRACKED>(PREEMPT);
    if !breakpoints::is_stepped_in_kernel() {
        not_asked_for::<TRACKED, BACKEND>(frame);
    }
    hooks::body_kernel_step(frame);
    breakpoints::resume_in_kernel(frame);
    leave_anywhere::<TRACKED>(believed_on, PREEMPT);
}

#[unsafe(link_section = ".noinstr.text")]
#[cold]
#[inline(never)]
fn not_asked_for<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) -> ! {
    die::<TRACKED, BACKEND>(frame, "software step in the kernel, which nobody asked for")
}

#[unsafe(link_section = ".noinstr.text")]
pub unsafe extern "C" fn irq<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    capture(frame);
    if is_nmi::<BACKEND, false>(frame) {
        handle_nmi::<TRACKED, BACKEND>(frame);
    } else {
        handle_irq::<TRACKED, BACKEND>(frame);
    }
    put_back(frame);
}

#[unsafe(link_section = ".noinstr.text")]
pub unsafe extern "C" fn fiq<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    capture(frame);
    if is_nmi::<BACKEND, true>(frame) {
        handle_nmi_by_fiq::<TRACKED, BACKEND>(frame);
    } else {
        handle_fiq::<TRACKED, BACKEND>(frame);
    }
    put_back(frame);
}

#[unsafe(link_section = ".noinstr.text")]
fn handle_irq<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    handle_interrupt::<TRACKED, BACKEND, false>(frame, Why::KernelExit("el1_irq"));
}

#[unsafe(link_section = ".noinstr.text")]
fn handle_fiq<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    handle_interrupt::<TRACKED, BACKEND, true>(frame, Why::KernelExit("el1_fiq"));
}

#[inline(always)]
fn handle_interrupt<const TRACKED: bool, const BACKEND: u8, const FIQ: bool>(frame: &mut Frame, why: Why) {
    let idle = enter_from_kernel::<TRACKED>();
    match free_irq_stack() {
        Some(top) => interrupt_on_irq_stack::<TRACKED, BACKEND, FIQ>(frame, top),
        None => interrupt_here::<TRACKED, BACKEND, FIQ>(frame),
    }
    prepare_for_kernel::<BACKEND>(frame, &idle, why);
    leave_to_kernel::<TRACKED, BACKEND>(frame, idle);
}

#[unsafe(link_section = ".noinstr.text")]
fn handle_nmi<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    handle_only_nmi::<TRACKED, BACKEND, false>(frame);
}

#[unsafe(link_section = ".noinstr.text")]
fn handle_nmi_by_fiq<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    handle_only_nmi::<TRACKED, BACKEND, true>(frame);
}

#[inline(always)]
fn handle_only_nmi<const TRACKED: bool, const BACKEND: u8, const FIQ: bool>(frame: &mut Frame) {
    let believed_on = enter_anywhere::<TRACKED>(AS_NMI);
    match free_irq_stack() {
        Some(top) => nmi_on_irq_stack::<BACKEND, FIQ>(frame, top),
        None => nmi_here::<BACKEND, FIQ>(frame),
    }
    leave_anywhere::<TRACKED>(believed_on, AS_NMI);
}

#[unsafe(link_section = ".noinstr.text")]
pub unsafe extern "C" fn serror<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    capture(frame);
    capture_syndrome(frame);
    handle_serror::<TRACKED, BACKEND>(frame);
    put_back(frame);
}

#[unsafe(link_section = ".noinstr.text")]
fn handle_serror<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    let believed_on = enter_anywhere::<TRACKED>(AS_NMI);
    open_to_serror_masked();
    serror_body(frame);
    mask_from_nmis_masked();
    leave_anywhere::<TRACKED>(believed_on, AS_NMI);
}

#[unsafe(link_section = ".noinstr.text")]
pub unsafe extern "C" fn unexpected<const TRACKED: bool, const BACKEND: u8, const SYNDROME: bool>(frame: &mut Frame) {
    capture(frame);
    capture_cause::<SYNDROME>(frame);
    die::<TRACKED, BACKEND>(frame, "exception through a vector that nothing should come to");
}

#[unsafe(link_section = ".noinstr.text")]
pub unsafe extern "C" fn stack_overflow<const TRACKED: bool, const BACKEND: u8, const SYNDROME: bool>(
    frame: &mut Frame,
) {
    capture(frame);
    capture_cause::<SYNDROME>(frame);
    die::<TRACKED, BACKEND>(frame, "kernel stack overflow");
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
#[cold]
#[inline(never)]
fn die<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame, what: &'static str) -> ! {
    enter_anywhere::<TRACKED>(AS_NMI);
    hooks::die(what, frame)
}
