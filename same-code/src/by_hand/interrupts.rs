//! Interrupts and NMIs, from wherever they come.

use super::cpu::{self, call_on_irq_stack};
use super::masks::{
    ALLINT, PMR, irqs_are_off_by_priority, mask_from_irqs_masked, mask_from_nmis_masked, open_to_nmis_masked,
    then_to_irqs_masked,
};
use super::steps::{AS_NMI, HARDIRQ, INTERRUPT, enter_anywhere, leave_anywhere, run_softirqs};
use crate::hooks;
use core::hint::cold_path;
use core::sync::atomic::Ordering::Relaxed;
use vestibule_arm64::Frame;

/// An interrupt, on the interrupt stack and back.
#[inline(always)]
pub fn interrupt_on_irq_stack<const TRACKED: bool, const BACKEND: u8, const FIQ: bool>(frame: &mut Frame, top: u64) {
    call_on_irq_stack!(interrupt_there::<TRACKED, BACKEND, FIQ>, frame, top);
}

#[unsafe(link_section = ".noinstr.text")]
extern "C" fn interrupt_there<const TRACKED: bool, const BACKEND: u8, const FIQ: bool>(frame: &mut Frame) {
    interrupt::<TRACKED, BACKEND, FIQ>(frame);
}

/// Where it came on the interrupt stack.
#[unsafe(link_section = ".noinstr.text")]
#[cold]
#[inline(never)]
pub fn interrupt_here<const TRACKED: bool, const BACKEND: u8, const FIQ: bool>(frame: &mut Frame) {
    interrupt::<TRACKED, BACKEND, FIQ>(frame);
}

/// An interrupt, with its masks; if it is an NMI, that.
#[inline(always)]
fn interrupt<const TRACKED: bool, const BACKEND: u8, const FIQ: bool>(frame: &mut Frame) {
    open_to_nmis_masked();
    let interrupt = acknowledge_or_handle::<TRACKED, BACKEND, FIQ>(frame);
    then_to_irqs_masked::<BACKEND>();
    interrupt_body::<TRACKED, BACKEND, FIQ>(interrupt, frame);
    mask_from_irqs_masked::<BACKEND>();
}

/// The interrupt that is to be handled; an NMI is handled here.
#[inline(always)]
fn acknowledge_or_handle<const TRACKED: bool, const BACKEND: u8, const FIQ: bool>(frame: &mut Frame) -> Option<u32> {
    match acknowledge::<BACKEND, FIQ>() {
        Acknowledged::Nothing => None,
        Acknowledged::Irq(interrupt) => Some(interrupt),
        Acknowledged::Nmi(interrupt) => {
            let believed_on = enter_anywhere::<TRACKED>(AS_NMI);
            nmi_body::<FIQ>(interrupt, frame);
            leave_anywhere::<TRACKED>(believed_on, AS_NMI);
            None
        }
    }
}

enum Acknowledged {
    Nothing,
    Irq(u32),
    Nmi(u32),
}

#[inline(always)]
fn acknowledge<const BACKEND: u8, const FIQ: bool>() -> Acknowledged {
    let acknowledged = which::<BACKEND, FIQ>();
    if !matches!(acknowledged, Acknowledged::Nothing) {
        cpu::isb();
    }
    acknowledged
}

#[inline(always)]
fn which<const BACKEND: u8, const FIQ: bool>() -> Acknowledged {
    if BACKEND == ALLINT && !FIQ && cpu::has_superpriority() {
        return real(cpu::acknowledge_superpriority()).map_or(Acknowledged::Nothing, Acknowledged::Nmi);
    }
    match real(cpu::acknowledge::<FIQ>()) {
        None => Acknowledged::Nothing,
        Some(interrupt) if BACKEND == PMR && cpu::has_priority_of_nmi() => Acknowledged::Nmi(interrupt),
        Some(interrupt) => Acknowledged::Irq(interrupt),
    }
}

/// The number, if it is an interrupt's.
#[inline(always)]
fn real(interrupt: u64) -> Option<u32> {
    let interrupt = interrupt as u32;
    (!(1020..=1023).contains(&interrupt)).then_some(interrupt)
}

/// The body of an interrupt, if it was one, counted; soft interrupts after it.
#[inline(always)]
fn interrupt_body<const TRACKED: bool, const BACKEND: u8, const FIQ: bool>(interrupt: Option<u32>, frame: &mut Frame) {
    cpu::word().fetch_add(HARDIRQ, Relaxed);
    if let Some(interrupt) = interrupt {
        hooks::body_interrupt(interrupt, frame);
        cpu::end_of_interrupt::<FIQ>(interrupt);
    }
    let left = cpu::word().fetch_sub(HARDIRQ, Relaxed) - HARDIRQ;
    if left & INTERRUPT == 0 && hooks::softirqs_pending() {
        cold_path();
        run_softirqs::<TRACKED, BACKEND>();
    }
}

#[inline(always)]
fn nmi_body<const FIQ: bool>(interrupt: u32, frame: &mut Frame) {
    hooks::body_nmi(interrupt, frame);
    cpu::end_of_interrupt::<FIQ>(interrupt);
}

/// What came from the kernel is an NMI, or nothing.
#[inline(always)]
pub fn is_nmi<const BACKEND: u8, const FIQ: bool>(frame: &Frame) -> bool {
    const I: u64 = 1 << 7;
    match BACKEND {
        PMR => irqs_are_off_by_priority(),
        ALLINT => !FIQ && (frame.pstate & I != 0 || cpu::has_superpriority()),
        _ => false,
    }
}

/// An NMI, on the interrupt stack and back.
#[inline(always)]
pub fn nmi_on_irq_stack<const BACKEND: u8, const FIQ: bool>(frame: &mut Frame, top: u64) {
    call_on_irq_stack!(nmi_there::<BACKEND, FIQ>, frame, top);
}

#[unsafe(link_section = ".noinstr.text")]
extern "C" fn nmi_there<const BACKEND: u8, const FIQ: bool>(frame: &mut Frame) {
    nmi::<BACKEND, FIQ>(frame);
}

/// Where it came on the interrupt stack.
#[unsafe(link_section = ".noinstr.text")]
#[cold]
#[inline(never)]
pub fn nmi_here<const BACKEND: u8, const FIQ: bool>(frame: &mut Frame) {
    nmi::<BACKEND, FIQ>(frame);
}

/// An NMI, with its masks.
#[inline(always)]
fn nmi<const BACKEND: u8, const FIQ: bool>(frame: &mut Frame) {
    open_to_nmis_masked();
    let interrupt = if BACKEND == ALLINT { cpu::acknowledge_superpriority() } else { cpu::acknowledge::<FIQ>() };
    if let Some(interrupt) = real(interrupt) {
        cpu::isb();
        nmi_body::<FIQ>(interrupt, frame);
    }
    mask_from_nmis_masked();
}
