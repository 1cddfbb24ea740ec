//! The task switch: the one context it is valid in is checked at every one, and stack and current task change together
//! with everything masked.

use crate::bodies::{CpuOf, HardwareOf};
use crate::machine::Key;
use crate::thread::running;
use crate::{Arm64, Arm64Port, Backend, Bodies, Hardware, Thread, breakpoints, fpsimd, tags};
use vestibule::{Broken, Checks, Cpu, Kernel, NoIrq, Process};

/// Switches from the current task to another; comes back when somebody switches to this one again, perhaps on another
/// CPU. Before and after: `NoIrq`.
///
/// # Safety
/// `to` does not run anywhere, was switched from or [prepared](prepare), lives until it
/// is switched from, and its [CPU](Thread::set_cpu) is this one.
pub unsafe fn switch<K: Bodies>(cpu: Cpu<K, NoIrq>, to: &Thread) -> Cpu<K, NoIrq> {
    check_state::<K>();
    check_counts::<K>(to);
    // SAFETY: the current task lives, and `to` is the caller's. Everything is masked between the two mask writes, so that no exception sees one task's
    // stack with another's counts (C109); the token is `NoIrq` on both sides.
    unsafe {
        K::Backend::close_for_switch();
        fpsimd::switch::<CpuOf<K>>(&*CpuOf::<K>::current(), to);
        tags::switch::<K>(&*CpuOf::<K>::current(), to);
        CpuOf::<K>::switch(&*CpuOf::<K>::current(), to);
        K::Backend::open_after_switch();
    }
    cpu
}

/// Masks are the CPU's, nobody saves them for a task: whoever is switched to takes over what is here (C28, C110).
/// Always compiled in, as cheap as it is.
#[inline(always)]
fn check_state<K: Bodies>() {
    if !K::Backend::is_no_irq() {
        core::hint::cold_path();
        K::Checks::broken(Broken { constraint: 28, at: "task switch" });
    }
}

/// Nothing keeps either task from it: the switch itself counts as nothing (C116).
#[inline(always)]
fn check_counts<K: Bodies>(to: &Thread) {
    if K::Checks::ON && (running::<CpuOf<K>>().word().counts() | to.word().counts()) != 0 {
        core::hint::cold_path();
        K::Checks::broken(Broken { constraint: 116, at: "task switch" });
    }
}

/// Makes a new task ready to be switched to: it will run `main(cpu, argument)` on the stack that ends at `stack_top`,
/// with nothing masked.
///
/// # Safety
/// The stack is [`STACK_SIZE`](crate::STACK_SIZE) large, aligned as it says, and this task's alone.
pub unsafe fn prepare<P: Arm64Port>(
    thread: &Thread,
    stack_top: u64,
    main: fn(Cpu<P::Kernel, Process>, usize) -> !,
    argument: usize,
) {
    // SAFETY: the caller's; `start` takes what is passed here.
    unsafe {
        thread.set_stack_top(stack_top);
        HardwareOf::<P>::prepare(thread, start::<P>, main as usize, argument);
    }
}

/// A new task's first instructions. Before: everything masked, by the switch that came here.
extern "C" fn start<P: Arm64Port>(main: usize, argument: usize) -> ! {
    // SAFETY: `prepare` passed such a function.
    let main: fn(Cpu<P::Kernel, Process>, usize) -> ! = unsafe { core::mem::transmute(main) };
    // SAFETY: the switch masked everything; this is its other side.
    let cpu = unsafe { claim_no_irq::<P::Kernel>() };
    let cpu = P::Kernel::finish_switch(cpu);
    // SAFETY: a task that begins has interrupted nobody.
    main(cpu.open(unsafe { Key::new() }), argument)
}

/// The first token of a CPU that boots.
///
/// # Safety
/// Everything is masked, the vectors are installed, nobody has a token on this CPU, and `thread`, which has a
/// [CPU](Thread::set_cpu) and runs on its own stack, lives as long as this CPU runs.
pub unsafe fn boot<K: Bodies>(thread: &'static Thread) -> Cpu<K, NoIrq> {
    // SAFETY: the caller's.
    unsafe {
        breakpoints::begin::<CpuOf<K>>();
        CpuOf::<K>::set_current(thread);
        claim_no_irq()
    }
}

/// Opens interrupts for the first time on a CPU that has booted.
///
/// # Safety
/// Called outside every exception, by whom [`boot`] gave the token to.
pub unsafe fn open_first<K: Kernel<Machine = Arm64<B>>, B: Backend>(cpu: Cpu<K, NoIrq>) -> Cpu<K, Process> {
    // SAFETY: the caller's.
    cpu.open(unsafe { Key::new() })
}

/// # Safety
/// Everything is masked, and nobody else on this CPU holds a token that says so.
unsafe fn claim_no_irq<K: Bodies>() -> Cpu<K, NoIrq> {
    // SAFETY: the caller's; the hardware moves with the token.
    unsafe {
        K::Backend::open_after_switch();
        Cpu::claim(Key::new())
    }
}
