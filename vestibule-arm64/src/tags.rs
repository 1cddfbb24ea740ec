//! Tag checks (MTE): how the CPU checks the tags of each task's accesses, and whom it blames for one that failed.
//!
//! ```text
//!   user mode --> TFSRE0_EL1 --capture: flag in the task word--> the exit's work loop
//!                     ^
//!   the kernel, as the user (LDTR) --> forgotten on the way to user mode
//!
//!   the kernel --> TFSR_EL1 --enter, check, switch--> Bodies::kernel_tag_fault
//! ```
//!
//! An exception masks all checks (PSTATE.TCO), and ERET puts back what was: TCO is no task's, and nobody saves it for one. Where a
//! task is checked in a way that a fault of the kernel's copy would show, or the kernel checks itself, TCO is cleared once the
//! CPU is watched and before anything opens; what is NMI-like or a debug exception by its vector leaves it set (C20, C49, C101).
//!
//! All of this is nothing unless [`Bodies::TAG_CHECKS`] says that there is something.

use crate::bodies::{BackendOf, CpuOf, HardwareOf};
use crate::thread::{current, running};
use crate::{Arm64, Arm64Port, Bodies, Frame, Hardware, Thread};
use core::sync::atomic::{AtomicU64, Ordering};
use vestibule::{Class, Cpu, Entered, Exception, Flags, Process, Ready};

#[cfg(vestibule_forge)]
pub mod forge;

/// Set in a task's word: an access of it failed an asynchronous check before it last left user mode. The kernel clears it in its
/// work; all its other flags are others.
pub const FAULT: Flags = Flags::other(10);

/// What the CPU does where an access of user mode has another tag than the memory, by SCTLR_EL1.TCF0's number for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    Ignore = 0,
    /// A data abort; the access is not made.
    Sync = 1,
    /// It says so in TFSRE0_EL1; the access is made.
    Async = 2,
    /// Loads as `Sync`, stores as `Async`. Only where the CPU has FEAT_MTE3.
    Asymm = 3,
}

/// Where it is known from that the kernel's own accesses have failed a check.
#[derive(Clone, Copy, Debug)]
pub enum KernelFault<'f> {
    /// It was the interrupted code.
    Interrupted(&'f Frame),
    /// It was what ran since this exception came.
    Exit(&'f Frame),
    /// It was the task that another has just been switched to from.
    Switch,
}

/// A task's: [`Mode`] in the lowest two bits, and from bit 16 on which tags IRG may make. What a CPU's registers say is what the
/// current task's word says. No task has more than the default until it asks for it.
#[repr(transparent)]
pub(crate) struct Checks(AtomicU64);

const INCLUDED_SHIFT: u32 = 16;
const MODE: u64 = 0b11;
/// The bit that the two modes have in which some access faults at once.
const SOME_SYNC: u64 = Mode::Sync as u64;
/// The bit that the two modes have in which some access sets TFSRE0_EL1.
const SOME_ASYNC: u64 = Mode::Async as u64;
/// TFSR_EL1.TF1: an access to the upper half. TF0 is one to user memory, which is no bug of the kernel's.
const TF1: u64 = 1 << 1;

impl Checks {
    pub(crate) const fn new() -> Checks {
        Checks(AtomicU64::new(0))
    }
}

/// How the current task's accesses are checked from here on, and which tags IRG makes for it: bit n of `included` for n.
pub fn set<K: Bodies>(cpu: &mut Cpu<K, Process>, mode: Mode, included: u16) {
    // Word and registers agree wherever it is switched from.
    let masked = cpu.irqs_off();
    let checks = mode as u64 | u64::from(included) << INCLUDED_SHIFT;
    CpuOf::<K>::store(&current(&masked).tags.0, checks);
    use_checks::<CpuOf<K>>(checks);
    CpuOf::<K>::isb();
}

impl Thread {
    /// A new task has its parent's checks. Before: it does not run yet.
    pub fn inherit_tag_checks(&self, parent: &Thread) {
        self.tags.0.store(parent.tags.0.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Before: it runs, or is about to.
    #[inline(always)]
    fn tag_checks<H: Hardware>(&self) -> u64 {
        H::load(&self.tags.0)
    }
}

fn use_checks<H: Hardware>(checks: u64) {
    let included = (checks >> INCLUDED_SHIFT) as u16;
    // SAFETY: they are the current task's, or the next one's; the callers'.
    unsafe { H::set_user_tag_checks(checks & MODE, u64::from(!included)) }
}

/// On the way from user mode: a check that failed there is the task's, before anything of the kernel's could fail (C105, C106).
/// Whether one has. Before and after: everything masked.
#[inline(always)]
pub(crate) fn capture<P: Arm64Port>() -> bool {
    if !P::Kernel::TAG_CHECKS {
        return false;
    }
    let task = running::<HardwareOf<P>>();
    if !has_failed::<HardwareOf<P>>(task) {
        return false;
    }
    core::hint::cold_path();
    HardwareOf::<P>::set_tfsre0(0);
    task.word().set::<Arm64<BackendOf<P>>>(FAULT);
    true
}

/// An asynchronous check of this task's has failed, and nobody has asked yet. Before: it runs, and an exception has waited for them.
#[inline(always)]
fn has_failed<H: Hardware>(task: &Thread) -> bool {
    task.tag_checks::<H>() & SOME_ASYNC != 0 && H::tfsre0() != 0
}

/// On the way to user mode, when nothing can fail any more: what the kernel did as the user is not the user's (C106). Before
/// and after: everything masked.
#[inline(always)]
pub(crate) fn forget<P: Arm64Port>() {
    if P::Kernel::TAG_CHECKS && running::<HardwareOf<P>>().tag_checks::<HardwareOf<P>>() & SOME_ASYNC != 0 {
        core::hint::cold_path();
        HardwareOf::<P>::dsb();
        HardwareOf::<P>::set_tfsre0(0);
    }
}

/// Watched now, and nothing open yet: tags are checked from here on, if a check that failed would be seen (C20, C49).
#[inline(always)]
pub(crate) fn on<P: Arm64Port, X: Class>(_: &Exception<'_, P, X, Entered>) {
    if P::Kernel::TAG_CHECKS {
        open::<P>();
    }
}

#[inline(always)]
fn open<P: Arm64Port>() {
    if wants_checks::<P::Kernel>(running::<HardwareOf<P>>()) {
        HardwareOf::<P>::set_tco::<false>();
    }
}

/// The same in the kernel: first what the interrupted code has failed (C21, C103). The exception has waited for that.
#[inline(always)]
pub(crate) fn enter<P: Arm64Port, X: Class>(x: &Exception<'_, P, X, Entered>) {
    if P::Kernel::TAG_CHECKS {
        if P::Kernel::checks_own_tags() {
            report::<P::Kernel>(KernelFault::Interrupted(x.frame()));
        }
        on(x);
    }
}

/// After the last look: what the kernel has failed itself, while it is watched (C102).
#[inline(always)]
pub(crate) fn check<P: Arm64Port, X: Class>(x: &Exception<'_, P, X, Ready>) {
    if P::Kernel::TAG_CHECKS && P::Kernel::checks_own_tags() {
        wait::<HardwareOf<P>>();
        report::<P::Kernel>(KernelFault::Exit(x.frame()));
    }
}

/// The switch's part: what the task that ends here has failed is known before another's checks begin (C104). Before and after:
/// everything masked.
#[inline(always)]
pub(crate) fn switch<K: Bodies>(from: &Thread, to: &Thread) {
    if !K::TAG_CHECKS {
        return;
    }
    let (last, next) = (from.tag_checks::<CpuOf<K>>(), to.tag_checks::<CpuOf<K>>());
    if last | next == 0 && !K::checks_own_tags() {
        return;
    }
    wait::<CpuOf<K>>();
    if K::checks_own_tags() {
        report::<K>(KernelFault::Switch);
    }
    if last != next {
        use_checks::<CpuOf<K>>(next);
        CpuOf::<K>::isb();
    }
    if wants_checks::<K>(to) {
        CpuOf::<K>::set_tco::<false>();
    } else {
        CpuOf::<K>::set_tco::<true>();
    }
}

/// TCO is clear while this task runs in the kernel. Clearing it costs on some CPUs, so it is for what comes of it alone: an
/// asynchronous fault of a copy is nobody's.
#[inline(always)]
fn wants_checks<K: Bodies>(task: &Thread) -> bool {
    task.tag_checks::<CpuOf<K>>() & SOME_SYNC != 0 || K::checks_own_tags()
}

/// Whatever was to fail has failed, and can be read.
#[inline(always)]
fn wait<H: Hardware>() {
    H::dsb();
    H::isb();
}

#[inline(always)]
fn report<K: Bodies>(fault: KernelFault<'_>) {
    if CpuOf::<K>::tfsr() & TF1 != 0 {
        core::hint::cold_path();
        CpuOf::<K>::set_tfsr(0);
        K::kernel_tag_fault(fault);
    }
}
