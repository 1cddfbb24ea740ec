//! Registers, the current task and this CPU.

use super::breakpoints::{self, ANY_SUSPENDED, OfCpu, STEPPED};
use core::arch::asm;
use core::cell::UnsafeCell;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;
use vestibule_arm64::breakpoints::{MOST, Point};
use vestibule_arm64::fpsimd::Fpsimd;
use vestibule_arm64::{Frame, Hardware, Real, STACK_SHIFT};

macro_rules! read {
    ($register:literal) => {{
        let value: u64;
        // SAFETY: reading this register changes nothing.
        unsafe { asm!(concat!("mrs {}, ", $register), out(reg) value, options(nostack, preserves_flags)) }
        value
    }};
}
macro_rules! write {
    ($register:literal, $value:expr) => {{
        let value: u64 = $value;
        // SAFETY: whoever writes it says why.
        unsafe { asm!(concat!("msr ", $register, ", {}"), in(reg) value, options(nostack, preserves_flags)) }
    }};
}

/// What TPIDR_EL1 points to. As `vestibule_arm64::Thread`.
#[repr(C)]
pub struct Thread {
    word: AtomicU64,
    pub(super) cpu: AtomicU64,
    stack_pointer: AtomicU64,
    stack_top: AtomicU64,
    pub(super) armed: AtomicU64,
    fpsimd: Fpsimd,
    fpsimd_loaded_by: AtomicU64,
    _rounded_up: u64,
    pub(super) points: UnsafeCell<[[Point; MOST]; 2]>,
}

/// As `vestibule_arm64::CpuLocal`.
#[repr(C)]
pub struct CpuLocal {
    overflow_stack_top: AtomicU64,
    irq_stack_top: AtomicU64,
    state: [AtomicU64; 3],
    number: usize,
    fpsimd_of: AtomicU64,
    pub(super) points: OfCpu,
}

#[inline(always)]
pub fn current() -> &'static Thread {
    let thread: *const Thread;
    // SAFETY: TPIDR_EL1 always points to the current task's, which lives.
    unsafe {
        asm!("mrs {}, tpidr_el1", out(reg) thread, options(pure, nomem, nostack, preserves_flags));
        &*thread
    }
}

/// The current task's word.
#[inline(always)]
pub fn word() -> &'static AtomicU64 {
    &current().word
}

/// The return state, from the registers that the next exception overwrites.
#[inline(always)]
pub fn capture(frame: &mut Frame) {
    frame.pc = read!("elr_el1");
    frame.pstate = read!("spsr_el1");
}

#[inline(always)]
pub fn capture_user(frame: &mut Frame) {
    capture(frame);
    frame.sp = read!("sp_el0");
    let armed = current().armed.load(Relaxed);
    if armed != 0 {
        core::hint::cold_path();
        breakpoints::disarm(current(), armed);
    }
}

/// These of MDSCR_EL1 become those.
#[inline(always)]
pub fn change_mdscr(changed: u64, to: u64) {
    write!("mdscr_el1", read!("mdscr_el1") & !changed | to);
}

/// The instruction that was stepped has been executed. Whether that is told.
#[inline(always)]
pub fn step_is_over() -> bool {
    let armed = current().armed.load(Relaxed);
    current().armed.store(armed & !(STEPPED | ANY_SUSPENDED), Relaxed);
    armed & STEPPED != 0 || armed & ANY_SUSPENDED == 0
}

/// Why, as an exception class.
#[inline(always)]
pub fn capture_syndrome(frame: &mut Frame) -> u64 {
    frame.syndrome = read!("esr_el1");
    frame.syndrome >> 26 & 0x3f
}

#[inline(always)]
pub fn capture_fault_address(frame: &mut Frame) {
    frame.fault_address = read!("far_el1");
}

/// Back to the registers that ERET uses. Everything is masked.
#[inline(always)]
pub fn put_back(frame: &Frame) {
    write!("elr_el1", frame.pc);
    write!("spsr_el1", frame.pstate);
}

#[inline(always)]
pub fn put_back_user(frame: &Frame) {
    let armed = current().armed.load(Relaxed);
    if armed != 0 {
        core::hint::cold_path();
        breakpoints::arm(current(), armed);
    }
    write!("sp_el0", frame.sp);
    put_back(frame);
}

macro_rules! acknowledge {
    ($register:literal) => {{
        let interrupt: u64;
        // SAFETY: whoever takes an interrupt asks. The controller has seen the question before anything follows.
        unsafe {
            asm!(concat!("mrs {}, ", $register), "dsb sy", out(reg) interrupt, options(nostack, preserves_flags))
        }
        interrupt
    }};
}

/// Which interrupt it is.
#[inline(always)]
pub fn acknowledge<const FIQ: bool>() -> u64 {
    if FIQ { acknowledge!("icc_iar0_el1") } else { acknowledge!("icc_iar1_el1") }
}

/// Which NMI it is, by FEAT_NMI.
#[inline(always)]
pub fn acknowledge_superpriority() -> u64 {
    acknowledge!("s3_0_c12_c9_5")
}

/// The next interrupt is an NMI, by FEAT_NMI.
#[inline(always)]
pub fn has_superpriority() -> bool {
    read!("isr_el1") & 1 << 10 != 0
}

/// What was acknowledged last is an NMI, by its priority.
#[inline(always)]
pub fn has_priority_of_nmi() -> bool {
    read!("icc_rpr_el1") as u8 == 0x80
}

#[inline(always)]
pub fn end_of_interrupt<const FIQ: bool>(interrupt: u32) {
    if FIQ {
        write!("icc_eoir0_el1", interrupt.into());
    } else {
        write!("icc_eoir1_el1", interrupt.into());
    }
}

#[inline(always)]
pub fn isb() {
    // SAFETY: only orders.
    unsafe { asm!("isb", options(nostack, preserves_flags)) }
}

/// Calls `$function` on the interrupt stack that ends at `$top`, from the task's. Everything is masked.
macro_rules! call_on_irq_stack {
    ($function:path, $frame:expr, $top:expr) => {{
        let frame: &mut vestibule_arm64::Frame = $frame;
        // SAFETY: whoever runs on the task's stack is not on the interrupt stack.
        unsafe {
            core::arch::asm!(
                "mov x20, sp",
                "mov sp, {top}",
                "bl {function}",
                "mov sp, x20",
                top = in(reg) $top,
                function = sym $function,
                in("x0") frame,
                out("x20") _,
                clobber_abi("C"),
            );
        }
    }};
}
pub(super) use call_on_irq_stack;

/// The end of this CPU's interrupt stack, if this does not run on it.
#[inline(always)]
pub fn free_irq_stack() -> Option<u64> {
    let thread = current();
    let sp: u64;
    // SAFETY: only reads.
    unsafe { asm!("mov {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags)) };
    if (sp ^ (thread.stack_top.load(Relaxed) - 1)) >> STACK_SHIFT != 0 {
        core::hint::cold_path();
        return None;
    }
    Some(irq_stack_top())
}

/// The end of this CPU's interrupt stack.
#[inline(always)]
pub fn irq_stack_top() -> u64 {
    this_cpu().irq_stack_top.load(Relaxed)
}

#[inline(always)]
pub fn this_cpu() -> &'static CpuLocal {
    // SAFETY: set before the task first ran.
    unsafe { &*(current().cpu.load(Relaxed) as *const CpuLocal) }
}

/// The FP/SIMD registers of a task that has none yet.
#[inline(always)]
pub fn load_first_fpsimd() {
    let thread = current();
    if thread.fpsimd_loaded_by.load(Relaxed) == 0 {
        let cpu = this_cpu();
        Real::load_fpsimd(&thread.fpsimd);
        cpu.fpsimd_of.store(core::ptr::from_ref(thread).addr() as u64, Relaxed);
        thread.fpsimd_loaded_by.store(core::ptr::from_ref(cpu).addr() as u64, Relaxed);
    }
}
