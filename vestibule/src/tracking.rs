//! Context tracking: whether this CPU runs kernel code that somebody (RCU) must wait for.
//!
//! ```text
//!   user, idle wait --eqs_exit--> kernel --eqs_enter--> user, idle wait
//!   anything --irq_enter--> watched --irq_exit--> as it was      nested ones count, the outermost wakes and sleeps
//! ```
//!
//! Changed only by the CPU it belongs to, with interrupts masked; NMI-like exceptions come in the middle of it, leave
//! it as they found it, and see every step (C85). Other CPUs read [`CpuState::snapshot`].

use crate::hooks::check;
use crate::{ContextTracking, Kernel, Machine, Step, irqs};
use core::sync::atomic::{AtomicU64, Ordering};

/// One CPU's state for context tracking and interrupt-state tracking. A port keeps it in its per-CPU area.
pub struct CpuState {
    /// Odd while watching; goes up with each change, so that two reads tell whether it slept in between.
    watching: AtomicU64,
    /// 0: not in the kernel. 1: an outermost entry that woke tracking. `IN_KERNEL` and up: kernel at process level.
    /// Each nested entry adds 2.
    nesting: AtomicU64,
    /// What interrupt-state tracking believes.
    pub(crate) irqs: AtomicU64,
}

/// Far above any depth of nesting, so that no nested exit takes itself for the outermost.
const IN_KERNEL: u64 = 1 << 62;

impl CpuState {
    /// A CPU that boots: in the kernel, watched, interrupts masked.
    pub const fn new() -> CpuState {
        CpuState { watching: AtomicU64::new(1), nesting: AtomicU64::new(IN_KERNEL), irqs: AtomicU64::new(irqs::OFF) }
    }

    /// How deep, for checks, by its CPU: what an exception finds its exit leaves (C67).
    pub fn depth(&self) -> u64 {
        self.nesting.load(Ordering::Relaxed)
    }

    /// For other CPUs: odd if this CPU is watched now, and another value than before if it slept in between.
    pub fn snapshot(&self) -> u64 {
        self.watching.load(Ordering::SeqCst)
    }
}

/// Context tracking in the CPU's [`CpuState`].
pub enum Tracked {}

impl<K: Kernel> ContextTracking<K> for Tracked {
    const ON: bool = true;

    #[inline(always)]
    fn watching() -> bool {
        is_watching::<K>(state::<K>())
    }

    /// An exception between the two changes finds "watching" before it finds "in the kernel", and leaves both.
    #[inline(always)]
    fn eqs_exit(_: Step<Self>) {
        let state = state::<K>();
        check::<K>(|| !is_watching::<K>(state), 66, "leave the quiescent state");
        flip::<K>(state);
        K::Machine::store(&state.nesting, IN_KERNEL);
    }

    #[inline(always)]
    fn eqs_enter(_: Step<Self>) {
        let state = state::<K>();
        let in_kernel = || is_watching::<K>(state) && K::Machine::load(&state.nesting) == IN_KERNEL;
        check::<K>(in_kernel, 70, "enter the quiescent state");
        K::Machine::store(&state.nesting, 0);
        flip::<K>(state);
    }

    /// Outermost (it wakes): 1. Nested: 2 more.
    #[inline(always)]
    fn irq_enter(_: Step<Self>) {
        let state = state::<K>();
        let nested = is_watching::<K>(state);
        if !nested {
            flip::<K>(state);
        }
        let nesting = K::Machine::load(&state.nesting);
        K::Machine::store(&state.nesting, nesting.wrapping_add(1 + u64::from(nested)));
    }

    /// 1: the one that woke goes back to sleep. Otherwise 2 less (C67).
    #[inline(always)]
    fn irq_exit(_: Step<Self>) {
        let state = state::<K>();
        let nesting = K::Machine::load(&state.nesting);
        check::<K>(|| is_watching::<K>(state) && nesting != 0 && nesting != IN_KERNEL, 67, "leave a nested exception");
        let outermost = nesting == 1;
        K::Machine::store(&state.nesting, nesting.wrapping_sub(2 - u64::from(outermost)));
        if outermost {
            flip::<K>(state);
        }
    }
}

fn state<K: Kernel>() -> &'static CpuState {
    K::Machine::cpu_state(Step::new())
}

fn is_watching<K: Kernel>(state: &CpuState) -> bool {
    K::Machine::load(&state.watching) & 1 != 0
}

/// Wakes or puts to sleep.
fn flip<K: Kernel>(state: &CpuState) {
    K::Machine::add_ordered(&state.watching, 1);
}
