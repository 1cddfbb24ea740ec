//! Context tracking: whether this CPU runs kernel code that somebody (RCU) must wait for.
//!
//! ```text
//!   user --user_exit--> kernel --user_enter--> user        not watching: user, and idle while it waits
//!   kernel --idle_enter--> idle --idle_exit--> kernel      anything may come in the middle of any of these:
//!   any --nmi_enter--> ... --nmi_exit--> as before         nested entries count, the outermost one wakes and sleeps
//! ```
//!
//! Changed only by the CPU it belongs to, with interrupts masked; NMI-like exceptions come in the middle of it, leave
//! it as they found it, and see every step (C85). Other CPUs read [`CpuState::snapshot`].

use crate::hooks::check;
use crate::{ContextTracking, Kernel, Machine, Step};
use core::sync::atomic::{AtomicU64, Ordering};

/// One CPU's state for context tracking and interrupt-state tracking. A port keeps it in its per-CPU area.
#[derive(Debug)]
pub struct CpuState {
    /// Odd while watching; goes up with each change, so that two reads tell whether it slept in between.
    watching: AtomicU64,
    /// 0: not in the kernel. 1: an outermost entry that woke tracking. `IN_KERNEL` and up: kernel at process level.
    /// Each nested entry adds 2.
    nesting: AtomicU64,
    pub(crate) irqs: crate::irqs::Belief,
}

/// Far above any depth of nesting, so that no nested exit takes itself for the outermost.
const IN_KERNEL: u64 = 1 << 62;

impl CpuState {
    /// A CPU that boots: in the kernel, watched, interrupts masked.
    pub const fn new() -> CpuState {
        CpuState {
            watching: AtomicU64::new(1),
            nesting: AtomicU64::new(IN_KERNEL),
            irqs: crate::irqs::Belief::new(),
        }
    }

    /// For other CPUs: odd if this CPU is watched now, and another value than before if it slept in between.
    pub fn snapshot(&self) -> u64 {
        self.watching.load(Ordering::SeqCst)
    }
}

impl Default for CpuState {
    fn default() -> Self {
        CpuState::new()
    }
}

/// Context tracking in the CPU's [`CpuState`].
#[derive(Debug)]
pub enum Tracked {}

#[inline(always)]
fn state<K: Kernel>() -> &'static CpuState {
    K::Machine::cpu_state(Step::new())
}

#[inline(always)]
fn is_watching<K: Kernel>(state: &CpuState) -> bool {
    K::Machine::load(&state.watching) & 1 != 0
}

/// Wakes or puts to sleep.
#[inline(always)]
fn flip<K: Kernel>(state: &CpuState) {
    K::Machine::add_ordered(&state.watching, 1);
}

impl<K: Kernel> ContextTracking<K> for Tracked {
    const ON: bool = true;

    #[inline(always)]
    fn watching() -> bool {
        is_watching::<K>(state::<K>())
    }

    #[inline(always)]
    fn user_exit() {
        wake::<K>("user_exit");
    }

    #[inline(always)]
    fn user_enter() {
        sleep::<K>("user_enter");
    }

    #[inline(always)]
    fn idle_enter() {
        sleep::<K>("idle_enter");
    }

    #[inline(always)]
    fn idle_exit() {
        wake::<K>("idle_exit");
    }

    #[inline(always)]
    fn irq_enter() {
        enter::<K>();
    }

    #[inline(always)]
    fn irq_exit() {
        exit::<K>("irq_exit");
    }

    #[inline(always)]
    fn nmi_enter() {
        enter::<K>();
    }

    #[inline(always)]
    fn nmi_exit() {
        exit::<K>("nmi_exit");
    }
}

/// Process level: out of user mode or idle. An exception between the two changes finds "watching" before it finds
/// "at process level", and so leaves it watching.
#[inline(always)]
fn wake<K: Kernel>(at: &'static str) {
    let state = state::<K>();
    check::<K>(|| !is_watching::<K>(state), 66, at);
    flip::<K>(state);
    K::Machine::store(&state.nesting, IN_KERNEL);
}

#[inline(always)]
fn sleep<K: Kernel>(at: &'static str) {
    let state = state::<K>();
    check::<K>(|| is_watching::<K>(state) && K::Machine::load(&state.nesting) == IN_KERNEL, 70, at);
    K::Machine::store(&state.nesting, 0);
    flip::<K>(state);
}

/// Outermost (it wakes): 1. Nested: 2 more.
#[inline(always)]
fn enter<K: Kernel>() {
    let state = state::<K>();
    let unit = if is_watching::<K>(state) {
        2
    } else {
        flip::<K>(state);
        1
    };
    let nesting = K::Machine::load(&state.nesting);
    K::Machine::store(&state.nesting, nesting.wrapping_add(unit));
}

/// 1: the one that woke goes back to sleep. Otherwise 2 less (C67).
#[inline(always)]
fn exit<K: Kernel>(at: &'static str) {
    let state = state::<K>();
    let nesting = K::Machine::load(&state.nesting);
    check::<K>(|| is_watching::<K>(state) && nesting > 0, 67, at);
    if nesting == 1 {
        K::Machine::store(&state.nesting, 0);
        flip::<K>(state);
    } else {
        K::Machine::store(&state.nesting, nesting.wrapping_sub(2));
    }
}
