//! What the kernel checks about itself at each boot, before anything depends on it: each check drives the real part and
//! panics with what it found.

mod memory;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::arch::asm;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicBool, Ordering};

use vestibule::Acknowledged;
use vestibule_arm64::{InterruptController, Irq};

use crate::bodies::{BREAKPOINT, BREAKPOINTS};
use crate::layout::PAGE_SIZE;
use crate::reference::Controller;
use crate::stacks::{STACK_SIZE, Stack};
use crate::user_copy::{Fault, read_user};
use crate::{frames, gic, paging, percpu, println, timer};

/// The software-generated interrupt that the checks send.
const CHECK_IPI: u32 = 15;
const PATIENCE_NANOSECONDS: u64 = 1_000_000_000;

/// Runs every check on the first CPU, all masked; the others run [`answer_ipis`].
pub fn run(timer_interrupt: u32) {
    heap();
    stacks();
    memory::check();
    interrupts();
    tick(timer_interrupt);
    DONE.store(true, Ordering::Release);
    percpu::online().skip(1).for_each(|cpu| gic::send_ipi(cpu, CHECK_IPI));
    println!("self-check: heap, stacks, user memory, interrupts and timer are sound");
}

/// The exceptions that the kernel itself can take, now that the port's vectors are in. In `NoIrq`, on a task.
pub fn exceptions(overflow_stack_top: u64) {
    let before = BREAKPOINTS.load(Ordering::Relaxed);
    // On the overflow stack: what comes while an overflow is reported is not another overflow.
    // SAFETY: the handler counts this one and goes on after it; nobody runs on that stack, and no interrupt comes.
    unsafe {
        asm!(
            "mov {stack}, sp",
            "mov sp, {overflow_stack}",
            "brk {breakpoint}",
            "mov sp, {stack}",
            stack = out(reg) _,
            overflow_stack = in(reg) overflow_stack_top,
            breakpoint = const BREAKPOINT,
        )
    };
    assert_eq!(BREAKPOINTS.load(Ordering::Relaxed), before + 1, "BRK in the kernel");
    // SAFETY: no address is mapped there; the routine goes on at its landing and comes back.
    assert_eq!(read_user::<u64>(PAGE_SIZE), Err(Fault), "a user copy with interrupts masked");
    assert!(undefined_is_stepped_over(), "an undefined instruction with a fix-up");
    println!("self-check: BRK, abort and undefined instruction in the kernel are sound");
}

/// An undefined instruction that the table has a landing for; whether it is gone to.
pub fn undefined_is_stepped_over() -> bool {
    let undefined: u64;
    // SAFETY: the table sends the undefined instruction on to the next one.
    unsafe {
        asm!(
            "mov {0}, #1",
            "1: udf #0",
            "mov {0}, #2",
            "2:",
            ".pushsection .fixup_table, \"a\"",
            ".quad 1b, 1b, 2b",
            ".popsection",
            out(reg) undefined,
            options(nostack)
        );
    }
    undefined == 1
}

fn heap() {
    let boxes: Vec<Box<usize>> = (0..10_000).map(Box::new).collect();
    assert!(boxes.iter().enumerate().all(|(index, value)| index == **value), "heap: a box lost its value");
    let aligned = Vec::<Box<Aligned>>::from_iter((0..8).map(|_| Box::new(Aligned([7; 512]))));
    let sound =
        |page: &Aligned| (page as *const Aligned as usize).is_multiple_of(512) && page.0.iter().all(|&byte| byte == 7);
    assert!(aligned.iter().all(|page| sound(page)), "heap: an aligned box is not aligned");
}

#[repr(align(512))]
struct Aligned([u8; 512]);

/// Kernel stacks, and what is below each.
pub fn stacks() {
    // The first round may leave page tables behind, which stay.
    drop(Stack::new());
    let free = frames::free_count();
    let stacks: Vec<Stack> = (0..4).map(|_| Stack::new().expect("memory for a stack")).collect();
    for stack in &stacks {
        let range = stack.range();
        assert!(range.start.is_multiple_of(2 * STACK_SIZE) && stack.top() == range.start + STACK_SIZE);
        assert!(range.clone().step_by(PAGE_SIZE).all(paging::is_kernel_mapped), "stack {range:x?} is not mapped");
        let mut guard = (range.start - STACK_SIZE..range.start).step_by(PAGE_SIZE);
        assert!(!guard.any(paging::is_kernel_mapped), "the guard below stack {range:x?} is mapped");
    }
    let range = stacks[0].range();
    drop(stacks);
    assert!(!range.step_by(PAGE_SIZE).any(paging::is_kernel_mapped), "a freed stack is still mapped");
    assert_eq!(frames::free_count(), free, "stacks: frames leak");
}

fn interrupts() {
    gic::enable_private(0, CHECK_IPI, gic::PRIORITY_IRQ);
    for cpu in percpu::online() {
        gic::send_ipi(cpu, CHECK_IPI);
        // Every CPU, this one included, answers to the first.
        assert_eq!(wait_for_interrupt(), CHECK_IPI, "IPI to CPU {cpu}");
        Controller::end::<Irq>(CHECK_IPI);
    }
    assert_eq!(Controller::acknowledge::<Irq>(), Acknowledged::Nothing, "an interrupt nobody raised");
    gic::disable_private(0, CHECK_IPI);
}

fn tick(timer_interrupt: u32) {
    const HERTZ: u64 = 1000;
    gic::enable_private(0, timer_interrupt, gic::PRIORITY_IRQ);
    let start = timer::nanoseconds();
    timer::start_tick(HERTZ, 0, 1);
    for _ in 0..5 {
        assert_eq!(wait_for_interrupt(), timer_interrupt, "tick");
        assert!(timer::next_tick(0), "an interrupt that is no tick");
        Controller::end::<Irq>(timer_interrupt);
    }
    let passed = timer::nanoseconds() - start;
    timer::stop_tick();
    gic::disable_private(0, timer_interrupt);
    assert!(passed >= 5 * 1_000_000_000 / HERTZ, "five ticks of a millisecond took {passed} ns");
}

fn wait_for_interrupt() -> u32 {
    let start = timer::nanoseconds();
    loop {
        if let Acknowledged::Irq(interrupt) = Controller::acknowledge::<Irq>() {
            return interrupt;
        }
        assert!(timer::nanoseconds() - start < PATIENCE_NANOSECONDS, "no interrupt within a second");
        spin_loop();
    }
}

/// The checks are over; the other CPUs go on.
static DONE: AtomicBool = AtomicBool::new(false);

/// What the other CPUs do during the checks, all masked: answer the first CPU's IPIs.
pub fn answer_ipis(cpu: usize) {
    gic::enable_private(cpu, CHECK_IPI, gic::PRIORITY_IRQ);
    percpu::cpu(cpu).set_online();
    loop {
        // SAFETY: waits for an interrupt to become pending, masked or not.
        unsafe { core::arch::asm!("wfi", options(nostack, preserves_flags)) };
        if let Acknowledged::Irq(interrupt) = Controller::acknowledge::<Irq>() {
            Controller::end::<Irq>(interrupt);
            if DONE.load(Ordering::Acquire) {
                return gic::disable_private(cpu, CHECK_IPI);
            }
            gic::send_ipi(0, CHECK_IPI);
        }
    }
}
