//! The interrupt's body, and the interrupts that CPUs send one another.

use vestibule::Hardirq;
use vestibule_arm64::{Frame, this_cpu};

use crate::reference::Cpu;
use crate::statistics::FIQS;
use crate::{
    breakpoints, cpu_time, fault_hooks, gic, nmi, nmi_work, println, profile, rcu, sampling, scheduler, softirqs,
    terminal, test_hooks, timer, timers,
};

/// The SGI that makes another CPU look at its reschedule flag. Its handler does nothing: the exit looks.
pub const RESCHEDULE: u32 = 0;
/// The SGI of group 0, which comes as FIQ. For tests: each tick sends one if they ask for it.
pub const FIQ: u32 = 7;

/// Handles it; acknowledgement and end are around.
#[inline(never)]
pub fn handle(cpu: Cpu<Hardirq>, interrupt: u32, frame: &Frame) -> Cpu<Hardirq> {
    if interrupt == timer::interrupt() {
        handle_timer(&cpu, frame);
    } else if interrupt == terminal::interrupt() {
        terminal::handle(&cpu);
    } else if interrupt == nmi_work::INTERRUPT {
        nmi_work::run(&cpu);
    } else if interrupt == breakpoints::INTERRUPT {
        breakpoints::set_here(&cpu);
    } else if interrupt == profile::INTERRUPT {
        sampling::begin();
    } else if interrupt == FIQ {
        FIQS.add();
    } else if interrupt == test_hooks::serrors::INTERRUPT {
        test_hooks::serrors::in_handler(&cpu);
    } else if interrupt != RESCHEDULE && !nmi::handle(this_cpu(&cpu).number(), interrupt, frame) {
        println!("interrupt {interrupt}, which nobody asked for");
    }
    cpu
}

fn handle_timer(cpu: &Cpu<Hardirq>, frame: &Frame) {
    let number = this_cpu(cpu).number();
    if timer::next_tick(number) {
        cpu_time::tick(cpu, frame.from_user());
        scheduler::tick(cpu);
        rcu::torture::tick(cpu);
        test_hooks::ask_if_told(number);
        test_hooks::send_fiq(number);
        fault_hooks::in_handler(cpu);
        breakpoints::check::in_handler();
    }
    if timers::any_due(cpu) {
        softirqs::raise_timer(cpu);
    }
}

/// Interrupts CPU `number`.
pub fn send(number: usize, interrupt: u32) {
    gic::send_ipi(number, interrupt);
}
