//! Single-stepping: a traced task executes one instruction in user mode, and is back by [`El0Step`](crate::classes::El0Step).
//!
//! ```text
//!   begin     the task is stepped; PSTATE.SS in its frame: the instruction is still to be executed
//!   arm       the last thing before ERET to user mode: MDSCR_EL1.SS
//!      the instruction; PSTATE.SS is clear from then on, and the CPU comes back before the next
//!   disarm    the first thing of every entry from user mode
//! ```
//!
//! MDSCR_EL1.SS is set while a stepped task is in user mode, and never in the kernel (C12): there is nothing to save at a task
//! switch. PSTATE.SS is the user's state like any other of PSTATE: what the CPU saved is what the return gives back (C128).
//! An interrupt or a fault before the instruction was executed finds it set, a system call finds it clear, and so each comes
//! to one step. Only the task itself says whether it is stepped, and only in the kernel: what was armed is disarmed.
//!
//! A step has two who may want it: who traces the task, and a [breakpoint](crate::breakpoints) that is suspended until the
//! instruction has been executed. One step is both's, and only the first is told of it.

use crate::bodies::{CpuOf, HardwareOf};
use crate::breakpoints::{self, Kind};
use crate::hardware::MDSCR_SS;
use crate::thread::{current, running};
use crate::{Arm64Port, Bodies, Frame, Hardware, Thread, pstate};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use vestibule::{Class, Cpu, Critical, Entered, Exception, Process};

#[cfg(vestibule_forge)]
pub mod forge;

/// What user mode is armed with when a task returns there.
#[repr(transparent)]
pub(crate) struct Armed(AtomicU64);

/// It is stepped for who traces it.
const STEPPED: u64 = 1;
/// It has breakpoints; watchpoints, one bit on.
const HAS: u64 = 1 << 1;
/// They are suspended for one instruction; watchpoints, one bit on.
const SUSPENDED: u64 = 1 << 3;
const ANY_SUSPENDED: u64 = SUSPENDED | SUSPENDED << 1;

impl Armed {
    pub(crate) const fn new() -> Armed {
        Armed(AtomicU64::new(0))
    }

    /// It has points of that kind, or has none.
    pub(crate) fn have(&self, kind: Kind, any: bool) {
        let bit = HAS << kind as u64;
        self.0.store(self.0.load(Relaxed) & !bit | if any { bit } else { 0 }, Relaxed);
    }
}

/// Points of that kind are in the CPU while the task is in user mode.
#[inline(always)]
pub(crate) const fn is_loaded(armed: u64, kind: Kind) -> bool {
    armed >> kind as u64 & (HAS | SUSPENDED) == HAS
}

#[inline(always)]
pub(crate) const fn loads_any(armed: u64) -> bool {
    is_loaded(armed, Kind::Breakpoint) || is_loaded(armed, Kind::Watchpoint)
}

/// MDSCR_EL1.SS in user mode.
#[inline(always)]
pub(crate) const fn mdscr_ss(armed: u64) -> u64 {
    if armed & (STEPPED | ANY_SUSPENDED) != 0 { MDSCR_SS } else { 0 }
}

/// The current task executes one more instruction in user mode, and then comes back by `el0_step`, which ends this. Before: it
/// came from there with `frame`.
#[inline(always)]
pub fn begin<K: Bodies>(cpu: &Cpu<K, Process>, frame: &mut Frame) {
    let armed = &current(cpu).armed.0;
    CpuOf::<K>::store(armed, settled(CpuOf::<K>::load(armed), frame) | STEPPED);
    frame.pstate |= pstate::SS;
}

/// The current task is not stepped, or no longer.
#[inline(always)]
pub fn end<K: Bodies>(cpu: &Cpu<K, Process>, frame: &mut Frame) {
    let armed = &current(cpu).armed.0;
    let left = settled(CpuOf::<K>::load(armed), frame) & !STEPPED;
    CpuOf::<K>::store(armed, left);
    if left & ANY_SUSPENDED == 0 {
        frame.pstate &= !pstate::SS;
    }
}

/// Whose instruction has been executed is suspended no longer: what begins now is another's.
const fn settled(armed: u64, frame: &Frame) -> u64 {
    if frame.pstate & pstate::SS == 0 { armed & !ANY_SUSPENDED } else { armed }
}

/// The instruction counts as executed: a task that is stepped comes back before any other. For a frame that goes elsewhere than
/// the instruction would have, as a signal's handler.
#[inline(always)]
pub fn over(frame: &mut Frame) {
    frame.pstate &= !pstate::SS;
}

/// The current task's points of that kind are suspended until it has executed the instruction that they came before.
#[inline(always)]
pub(crate) fn suspend<K: Bodies>(cpu: &Cpu<K, Critical>, kind: Kind, frame: &mut Frame) {
    let armed = &current(cpu).armed.0;
    CpuOf::<K>::store(armed, CpuOf::<K>::load(armed) | SUSPENDED << kind as u64);
    frame.pstate |= pstate::SS;
}

impl Thread {
    #[inline(always)]
    fn armed<H: Hardware>(&self) -> u64 {
        H::load(&self.armed.0)
    }
}

/// On the way to user mode, when nothing can open any more (C12). ERET synchronises it. Before and after: everything masked.
#[inline(always)]
pub(crate) fn arm<H: Hardware>() {
    let armed = running::<H>().armed::<H>();
    if armed != 0 {
        core::hint::cold_path();
        breakpoints::arm::<H>(running::<H>(), armed);
    }
}

/// On the way from user mode, before anything opens (C12). Before and after: everything masked.
#[inline(always)]
pub(crate) fn disarm<H: Hardware>() {
    let armed = running::<H>().armed::<H>();
    if armed != 0 {
        core::hint::cold_path();
        breakpoints::disarm::<H>(running::<H>(), armed);
    }
}

/// The instruction has been executed: whether that is told, which it is unless only a breakpoint wanted it. What was suspended
/// for it is there again from the next return on, before anything opens (C11).
#[inline(always)]
pub(crate) fn done<P: Arm64Port, X: Class>(_: &Exception<'_, P, X, Entered>) -> bool {
    over_with::<HardwareOf<P>>()
}

#[inline(always)]
fn over_with<H: Hardware>() -> bool {
    let thread = running::<H>();
    let armed = thread.armed::<H>();
    H::store(&thread.armed.0, armed & !(STEPPED | ANY_SUSPENDED));
    armed & STEPPED != 0 || armed & ANY_SUSPENDED == 0
}
