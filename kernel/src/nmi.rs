//! NMIs, and what is one only where there are any: the cycle counter's overflow, and what CPUs ask of one another whatever they
//! are doing. Under the backend `Daif` these are ordinary interrupts, and wait as those do.
//!
//! No locks here, and no wake-ups (C83): counters and flags, and the console, which knows how to go on without its lock.

use core::hint::spin_loop;
use core::sync::atomic::{AtomicU64, Ordering};

use vestibule::{Machine as _, NoIrq, Process};
use vestibule_arm64::{Frame, this_cpu};

use crate::reference::{Cpu, Machine};
use crate::registers::read_register;
use crate::statistics::NMIS;
use crate::{backtrace, cycle_counter, gic, interrupts, percpu, power, println, sampling, test_hooks, timer};

/// The SGI that asks for a backtrace.
pub const BACKTRACE: u32 = 8;
/// The SGI that stops a CPU for good.
pub const STOP: u32 = 9;

/// How long a CPU may take to answer.
const PATIENCE_NANOSECONDS: u64 = 100_000_000;

/// The CPUs that have not answered: a bit each.
static ASKED: AtomicU64 = AtomicU64::new(0);

/// On CPU `cpu`, once.
pub fn init_cpu(cpu: usize) {
    gic::enable_nmi(cpu, BACKTRACE);
    gic::enable_nmi(cpu, STOP);
    gic::enable_nmi(cpu, test_hooks::serrors::NMI);
    cycle_counter::init_cpu(cpu);
    sampling::begin();
}

/// One of these interrupts came to CPU `number`, as an NMI or as an ordinary interrupt. False if it is none of them.
pub fn handle(number: usize, interrupt: u32, frame: &Frame) -> bool {
    match interrupt {
        BACKTRACE => answer(number, frame),
        STOP => stop_here(number),
        test_hooks::serrors::NMI => test_hooks::serrors::in_nmi(),
        _ if cycle_counter::interrupt() == Some(interrupt) => sampling::overflowed(number, frame),
        _ => return false,
    }
    NMIS.add();
    true
}

fn answer(number: usize, frame: &Frame) {
    println!("CPU {number}: interrupted in {:?}", Machine::interrupted(frame));
    backtrace::print(frame);
    ASKED.fetch_and(!(1 << number), Ordering::Release);
}

fn stop_here(number: usize) {
    ASKED.fetch_and(!(1 << number), Ordering::Release);
    power::halt()
}

/// Prints what every CPU does, one after another; says who does not answer.
pub fn backtrace_all(cpu: &mut Cpu<Process>) {
    let off = cpu.preempt_off();
    let here = this_cpu(&*off).number();
    println!("CPU {here}: asks");
    backtrace::print_here();
    for number in percpu::online().filter(|number| *number != here) {
        let start = timer::nanoseconds();
        if ask(number, BACKTRACE) {
            println!("CPU {number}: answered within {} us", (timer::nanoseconds() - start) / 1000);
        } else {
            println!("CPU {number}: does not answer");
        }
    }
}

/// Stops every other CPU, so that a report is the last that happens. From any context.
pub fn stop_others(here: usize) {
    let others = || percpu::online().filter(|number| *number != here);
    let stopped = others().filter(|number| ask(*number, STOP)).count();
    let all = others().count();
    if all > 0 {
        println!("other CPUs: {stopped} of {all} stopped");
    }
}

fn ask(number: usize, what: u32) -> bool {
    ASKED.fetch_or(1 << number, Ordering::Relaxed);
    interrupts::send(number, what);
    let start = timer::nanoseconds();
    while ASKED.load(Ordering::Acquire) & 1 << number != 0 {
        if timer::nanoseconds() - start > PATIENCE_NANOSECONDS {
            ASKED.fetch_and(!(1 << number), Ordering::Relaxed);
            return false;
        }
        spin_loop();
    }
    true
}

/// Spins with interrupts off, for tests to find: all of the time is this function's own.
#[inline(never)]
pub fn spin_with_interrupts_off(_: &Cpu<NoIrq>, nanoseconds: u64) {
    let end = timer::counter_at(timer::nanoseconds().saturating_add(nanoseconds));
    while read_register!("cntvct_el0") < end {
        spin_loop();
    }
}
