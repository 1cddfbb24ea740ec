//! The token: zero bytes that say which context this CPU is in.

use crate::hooks::check;
use crate::masks::{trace_off, trace_on};
use crate::{Context, CpuState, Inherit, Kernel, KeyOf, Level, Machine, Pinned, Process, Step, TaskWord};
use core::marker::PhantomData;

/// Whoever holds this runs in context `C`, on whichever CPU runs it.
///
/// A fact about the code that holds it, not about a CPU by number: a task that is switched out and comes back on
/// another CPU still holds the truth. Straight-line code owns it (a step takes it and gives the next one), deeper code
/// borrows it. Neither `Send` nor `Sync` nor `Clone`; only the port of `K` makes one from nothing.
#[must_use = "the context this CPU is in is passed on"]
pub struct Cpu<K, C>(PhantomData<(*mut K, C)>);

impl<K: Kernel, C: Context> Cpu<K, C> {
    /// For ports: a CPU in `C`, says the only one who can make a key.
    pub fn claim(_key: KeyOf<K>) -> Self {
        Cpu(PhantomData)
    }

    /// The same code in a context that a step of the library has just moved to, or that it borrows for a while.
    pub(crate) fn assume(_: Step<Self>) -> Self {
        Cpu(PhantomData)
    }

    /// The current task's word.
    pub fn task_word(&self) -> &TaskWord {
        K::Machine::task_word(Step::new())
    }

    /// This CPU's context tracking and interrupt-state tracking.
    pub fn state(&self) -> &CpuState
    where
        C: Pinned,
    {
        K::Machine::cpu_state(Step::new())
    }
}

impl<K: Kernel> Cpu<K, crate::NoIrq> {
    /// For ports: a task that runs for the first time has nothing to return to that would open interrupts for it.
    pub fn open(self, _key: KeyOf<K>) -> Cpu<K, Process> {
        open_irqs::<K>();
        Cpu::assume(Step::new())
    }
}

/// An inherited context, found out.
pub enum Resolved<K> {
    /// The interrupted code had everything open: this may sleep.
    Process(Cpu<K, Process>),
    /// It had not.
    Masked(Cpu<K, Inherit>),
}

impl<K: Kernel> Cpu<K, Inherit> {
    /// Asks the hardware and the task word. `Process` only if the interrupted code could have slept itself.
    pub fn resolve(self) -> Resolved<K> {
        if matches!(K::Machine::level(), Level::Process) && self.task_word().read::<K::Machine>().is_preemptible() {
            Resolved::Process(Cpu::assume(Step::new()))
        } else {
            Resolved::Masked(self)
        }
    }
}

impl<K: Kernel> Resolved<K> {
    /// Back to what a body with an inherited context gives back.
    pub fn inherit(self) -> Cpu<K, Inherit> {
        match self {
            Resolved::Process(_) => Cpu::assume(Step::new()),
            Resolved::Masked(cpu) => cpu,
        }
    }
}

/// Masks interrupts for code that cannot know its context (a console, an allocator), and puts back what was.
///
/// Code that has a token uses [`irqs_off`](Cpu::irqs_off).
#[must_use = "interrupts are as before when this goes"]
pub struct IrqsSaved<K: Kernel>(bool, PhantomData<*mut K>);

impl<K: Kernel> IrqsSaved<K> {
    /// After: interrupts masked; anything else as it was.
    pub fn save() -> Self {
        let were_on = matches!(K::Machine::level(), Level::Process);
        if were_on {
            mask_irqs::<K>();
        }
        IrqsSaved(were_on, PhantomData)
    }

    /// The context that this guard stands for.
    pub fn cpu(&self) -> &Cpu<K, crate::NoIrq> {
        const { &Cpu(PhantomData) }
    }
}

impl<K: Kernel> Drop for IrqsSaved<K> {
    fn drop(&mut self) {
        check::<K>(|| !matches!(K::Machine::level(), Level::Process), 13, "IrqsSaved");
        if self.0 {
            open_irqs::<K>();
        }
    }
}

/// Hardware first: what tracking says is never more closed than what is (C75).
#[inline(always)]
pub(crate) fn mask_irqs<K: Kernel>() {
    K::Machine::irqs_off(Step::new());
    trace_off::<K>();
}

/// Tracking first, while nothing can interrupt it (C23).
#[inline(always)]
pub(crate) fn open_irqs<K: Kernel>() {
    trace_on::<K>();
    K::Machine::irqs_on(Step::new());
}
