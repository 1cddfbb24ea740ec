//! The interrupt's body, and the interrupts that CPUs send one another.

use vestibule::Hardirq;
use vestibule_arm64::{Frame, this_cpu};

use crate::reference::Cpu;
use crate::{cpu_time, gic, println, scheduler, softirqs, terminal, test_hooks, timer, timers};

/// The SGI that makes another CPU look at its reschedule flag. Its handler does nothing: the exit looks.
pub const RESCHEDULE: u32 = 0;

/// Handles it; acknowledgement and end are around.
#[inline(never)]
pub fn handle(cpu: Cpu<Hardirq>, interrupt: u32, frame: &Frame) -> Cpu<Hardirq> {
    if interrupt == timer::interrupt() {
        handle_timer(&cpu, frame);
    } else if interrupt == terminal::interrupt() {
        terminal::handle(&cpu);
    } else if interrupt != RESCHEDULE {
        println!("interrupt {interrupt}, which nobody asked for");
    }
    cpu
}

fn handle_timer(cpu: &Cpu<Hardirq>, frame: &Frame) {
    let number = this_cpu(cpu).number();
    if timer::next_tick(number) {
        cpu_time::tick(cpu, frame.from_user());
        scheduler::tick(cpu);
        test_hooks::ask_if_told(number);
    }
    if timers::any_due(cpu) {
        softirqs::raise_timer(cpu);
    }
}

/// Interrupts CPU `number`.
pub fn send(number: usize, interrupt: u32) {
    gic::send_ipi(number, interrupt);
}
