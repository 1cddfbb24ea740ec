//! Everything the port touches of the CPU and of memory that an exception could see, one call each: `Real` is the
//! CPU, a simulated one runs the same port on a host.
//!
//! The grain is the point: whatever two accesses an exception could fall between are two calls. The registers an
//! exception overwrites (ELR, SPSR, ESR, FAR) are here one by one; so are the frame's fields, because the frame is
//! what survives one. The general registers are not: the assembly stores and loads them with everything masked, and
//! nothing looks at them in between.
//!
//! Associated functions without `self`: an access always means the CPU that executes it, before and after a migration.

use crate::Thread;
use crate::breakpoints::{Kind, MOST, Point};
use crate::fpsimd::Fpsimd;
use core::sync::atomic::{AtomicU64, Ordering};

/// PSTATE.F, as DAIFSet and DAIFClr name it.
pub const F: u32 = 1;
/// PSTATE.I.
pub const I: u32 = 2;
/// PSTATE.A.
pub const A: u32 = 4;
/// PSTATE.D.
pub const D: u32 = 8;
/// Where these four lie in DAIF and SPSR.
pub const DAIF_SHIFT: u32 = 6;
/// Where ALLINT lies in SPSR.
pub const ALLINT: u64 = 1 << 13;
/// MDSCR_EL1.SS: software steps.
pub const MDSCR_SS: u64 = 1;
/// MDSCR_EL1.KDE: breakpoints, watchpoints and steps of the kernel, too.
pub const KDE: u64 = 1 << 13;
/// MDSCR_EL1.MDE: breakpoints and watchpoints.
pub const MDE: u64 = 1 << 15;
/// ISR_EL1.IS: an interrupt that is pending has superpriority.
pub const ISR_IS: u64 = 1 << 10;

/// One CPU. Every function is a compiler barrier unless it says otherwise.
///
/// # Safety
///
/// [`current`](Hardware::current) gives what was last passed to [`set_current`](Hardware::set_current) on this CPU, and
/// [`switch`](Hardware::switch) and [`on_irq_stack`](Hardware::on_irq_stack) run what they are given exactly once.
pub unsafe trait Hardware: 'static {
    /// Reads DAIF (D, A, I, F in bits 9:6).
    fn daif() -> u64;
    /// Writes DAIF.
    ///
    /// # Safety
    /// The token of whoever runs here says the same afterwards.
    unsafe fn write_daif(daif: u64);
    /// Masks what `BITS` names.
    ///
    /// # Safety
    /// As [`write_daif`](Hardware::write_daif).
    unsafe fn daif_set<const BITS: u32>();
    /// Opens what `BITS` names.
    ///
    /// # Safety
    /// As [`write_daif`](Hardware::write_daif).
    unsafe fn daif_clear<const BITS: u32>();

    /// ICC_PMR_EL1: an interrupt comes only if its priority is a lower number.
    fn pmr() -> u64;
    /// Writes it. Takes effect at once (GIC architecture specification, IHI 0069, 12.1.5). A constant, so that nobody keeps it in a
    /// register, which an entry would have to save for a path that it seldom takes.
    ///
    /// # Safety
    /// As [`write_daif`](Hardware::write_daif).
    unsafe fn set_pmr<const PRIORITY: u64>();
    /// Masks every interrupt, NMIs too: PSTATE.ALLINT. Only where the CPU has FEAT_NMI.
    ///
    /// # Safety
    /// As [`write_daif`](Hardware::write_daif).
    unsafe fn allint_set();
    /// Opens NMIs.
    ///
    /// # Safety
    /// As [`write_daif`](Hardware::write_daif).
    unsafe fn allint_clear();
    /// ALLINT, where it lies in SPSR.
    fn allint() -> u64;
    /// Writes it.
    ///
    /// # Safety
    /// As [`write_daif`](Hardware::write_daif).
    unsafe fn write_allint(allint: u64);

    /// ELR_EL1. Before: everything masked since the exception.
    fn elr() -> u64;
    /// SPSR_EL1. Before: as [`elr`](Hardware::elr).
    fn spsr() -> u64;
    /// ESR_EL1. Before: as [`elr`](Hardware::elr).
    fn esr() -> u64;
    /// FAR_EL1: valid for aborts, PC alignment faults and watchpoints only. Before: as [`elr`](Hardware::elr).
    fn far() -> u64;
    /// The interrupted user's stack pointer.
    fn sp_el0() -> u64;
    /// Where ERET goes.
    ///
    /// # Safety
    /// Everything is masked until ERET, and the frame that is restored is this exception's.
    unsafe fn set_elr(pc: u64);
    /// What PSTATE becomes there.
    ///
    /// # Safety
    /// As [`set_elr`](Hardware::set_elr).
    unsafe fn set_spsr(pstate: u64);
    /// The user's stack pointer.
    fn set_sp_el0(sp: u64);

    /// Makes `changed` of MDSCR_EL1 what they are in `to`, and leaves the rest of it. In effect after the next context
    /// synchronization event: an [`isb`](Hardware::isb), an exception, ERET.
    ///
    /// # Safety
    /// If SS changes, everything is masked, and if it is set, the code that is stepped is next.
    unsafe fn change_mdscr(changed: u64, to: u64);
    /// DBGBVR and DBGBCR of that number, or DBGWVR and DBGWCR. In effect as above.
    ///
    /// # Safety
    /// There is one of that number, and what it hits is meant to be.
    unsafe fn set_point(kind: Kind, number: usize, point: Point);
    /// All that the CPU has of both kinds are zero. In effect as above.
    fn clear_points();
    /// Where one of the two arrays has one, what the second has.
    ///
    /// # Safety
    /// As [`set_point`](Hardware::set_point); everything is masked.
    unsafe fn set_points(kind: Kind, before: &[Point; MOST], after: &[Point; MOST]);

    /// The current task's part of the port. May be cached across a task switch: it is the task's, whatever CPU runs it. Before there is one
    /// ([`set_current`](Hardware::set_current)), nobody asks: what was read then may be remembered.
    fn current() -> *const Thread;
    /// Makes another task current.
    ///
    /// # Safety
    /// `thread` lives as long as it is current and has a CPU. Everything is masked.
    unsafe fn set_current(thread: *const Thread);

    /// The stack pointer, for the checks.
    fn stack_pointer() -> u64;
    /// Calls `f` on the stack that ends at `top`.
    ///
    /// # Safety
    /// That stack is this CPU's and nobody runs on it. Everything is masked, before and after.
    unsafe fn on_irq_stack<Body: FnOnce()>(top: u64, f: Body);
    /// Saves the callee-saved registers and stack pointer of the running task in `from`, makes `to` current, and goes
    /// on where `to` was saved; returns when somebody switches back.
    ///
    /// # Safety
    /// `from` is current, `to` was saved here or prepared by [`prepare`](Hardware::prepare). Everything is masked.
    unsafe fn switch(from: &Thread, to: &Thread);

    /// Makes `thread` such that the first switch to it calls `start(first, second)`, on its stack below the place of its
    /// user frame.
    ///
    /// # Safety
    /// Its stack is its own, and it has never run.
    unsafe fn prepare(thread: &Thread, start: extern "C" fn(usize, usize) -> !, first: usize, second: usize);

    /// V0 to V31, FPSR and FPCR to memory.
    fn store_fpsimd(to: &mut Fpsimd);
    /// And from there. The kernel itself has none of them in use.
    fn load_fpsimd(from: &Fpsimd);

    /// ICC_IAR1_EL1: acknowledges an interrupt. The controller has seen it when this is over, but what was read of the CPU's
    /// registers ahead may be of before: [`isb`](Hardware::isb) comes next.
    fn icc_iar1() -> u64;
    /// ICC_EOIR1_EL1: ends that interrupt.
    fn set_icc_eoir1(interrupt: u64);
    /// ICC_IAR0_EL1: as [`icc_iar1`](Hardware::icc_iar1), of group 0, whose interrupts come as FIQ.
    fn icc_iar0() -> u64;
    /// ICC_EOIR0_EL1.
    fn set_icc_eoir0(interrupt: u64);
    /// ICC_NMIAR1_EL1: as [`icc_iar1`](Hardware::icc_iar1), of what has superpriority. Only where CPU and controller have NMIs.
    fn icc_nmiar1() -> u64;
    /// ICC_RPR_EL1: the priority of the most urgent interrupt that was acknowledged and has not ended.
    fn icc_rpr() -> u64;
    /// ISR_EL1: what is pending.
    fn isr() -> u64;
    /// TFSRE0_EL1: not zero if accesses of user mode, or as user mode (LDTR, STTR), have failed asynchronous tag checks. An
    /// exception to the kernel waits for those of before (SCTLR_EL1.ITFSB). Only where the CPU has MTE; so each of these.
    fn tfsre0() -> u64;
    /// Writes it.
    fn set_tfsre0(faults: u64);
    /// TFSR_EL1: the same of the kernel's own accesses.
    fn tfsr() -> u64;
    /// Writes it.
    fn set_tfsr(faults: u64);
    /// PSTATE.TCO: no tag is checked while it is set. An exception sets it, ERET puts back what was.
    fn set_tco<const ON: bool>();
    /// SCTLR_EL1.TCF0 and GCR_EL1.Exclude: how tags of user mode's accesses are checked, and which tags IRG does not make. In effect
    /// after the next context synchronization event.
    ///
    /// # Safety
    /// The current task's, or everything is masked and the next one's.
    unsafe fn set_user_tag_checks(checks: u64, excluded: u64);
    /// DSB NSH: accesses of before are over. What tag checks they failed is in TFSRE0_EL1 and TFSR_EL1 for writes that follow, and for
    /// reads after the next [`isb`](Hardware::isb).
    fn dsb();
    /// ISB, a context synchronization event: what follows sees registers as they are now.
    fn isb();
    /// Waits for an interrupt to be pending, masked or not, after all that was written before can be seen.
    fn wait_for_interrupt();

    /// Reads a field of the frame.
    #[inline(always)]
    fn read(field: &u64) -> u64 {
        *field
    }
    /// Writes a field of the frame.
    #[inline(always)]
    fn write(field: &mut u64, value: u64) {
        *field = value;
    }

    /// [`Machine::load`](vestibule::Machine::load).
    #[inline(always)]
    fn load(cell: &AtomicU64) -> u64 {
        cell.load(Ordering::Relaxed)
    }
    /// [`Machine::store`](vestibule::Machine::store).
    #[inline(always)]
    fn store(cell: &AtomicU64, value: u64) {
        cell.store(value, Ordering::Relaxed);
    }
    /// [`Machine::add`](vestibule::Machine::add).
    #[inline(always)]
    fn add(cell: &AtomicU64, value: u64) -> u64 {
        cell.fetch_add(value, Ordering::Relaxed)
    }
    /// [`Machine::add_ordered`](vestibule::Machine::add_ordered).
    #[inline(always)]
    fn add_ordered(cell: &AtomicU64, value: u64) -> u64 {
        cell.fetch_add(value, Ordering::SeqCst)
    }
    /// [`Machine::set`](vestibule::Machine::set).
    #[inline(always)]
    fn set(cell: &AtomicU64, bits: u64) {
        cell.fetch_or(bits, Ordering::Release);
    }
    /// [`Machine::clear`](vestibule::Machine::clear).
    #[inline(always)]
    fn clear(cell: &AtomicU64, bits: u64) {
        cell.fetch_and(!bits, Ordering::Acquire);
    }
}
