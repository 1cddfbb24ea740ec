//! The token: zero bytes that say which context this CPU is in.

use crate::{
    Context, CpuState, Inherit, IrqTracing, IrqsMasked, Kernel, KeyOf, Level, Machine, Pinned, Process, Step, TaskWord,
};
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
    #[inline(always)]
    pub fn claim(_key: KeyOf<K>) -> Self {
        Cpu(PhantomData)
    }

    #[inline(always)]
    pub(crate) fn becomes<To>(self) -> Cpu<K, To> {
        Cpu(PhantomData)
    }

    /// The same code in a context that a step of the library has just moved to, or that it borrows for a while.
    #[inline(always)]
    pub(crate) fn assume(_: Step) -> Self {
        Cpu(PhantomData)
    }

    /// The current task's word.
    #[inline(always)]
    pub fn task_word(&self) -> &TaskWord {
        K::Machine::task_word(Step::new())
    }

    /// This CPU's context tracking and interrupt-state tracking.
    #[inline(always)]
    pub fn state(&self) -> &CpuState
    where
        C: Pinned,
    {
        K::Machine::cpu_state(Step::new())
    }
}

impl<K: Kernel> Cpu<K, crate::NoIrq> {
    /// For ports: a task that runs for the first time has nothing to return to that would open interrupts for it.
    #[inline(always)]
    pub fn open(self, _key: KeyOf<K>) -> Cpu<K, Process> {
        open_irqs::<K>();
        self.becomes()
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
    #[inline(always)]
    pub fn resolve(self) -> Resolved<K> {
        if matches!(K::Machine::level(), Level::Process) && self.task_word().read::<K::Machine>().is_preemptible() {
            Resolved::Process(self.becomes())
        } else {
            Resolved::Masked(self)
        }
    }
}

impl<K: Kernel> Resolved<K> {
    /// Back to what a body with an inherited context gives back.
    #[inline(always)]
    pub fn inherit(self) -> Cpu<K, Inherit> {
        match self {
            Resolved::Process(cpu) => cpu.becomes(),
            Resolved::Masked(cpu) => cpu,
        }
    }
}

impl<K: Kernel, C: IrqsMasked> Cpu<K, C> {
    /// The same CPU, less precisely: for code that wants no more than masked interrupts.
    #[inline(always)]
    pub fn irqs_masked(&self) -> &Cpu<K, crate::NoIrq> {
        const { &Cpu(PhantomData) }
    }
}

/// Masks interrupts for code that cannot know its context (a console, an allocator), and puts back what was.
///
/// Code that has a token uses [`irqs_off`](Cpu::irqs_off).
#[must_use = "interrupts are as before when this goes"]
pub struct IrqsSaved<K: Kernel> {
    were_on: bool,
    unsendable: PhantomData<*mut K>,
}

impl<K: Kernel> IrqsSaved<K> {
    /// After: interrupts masked; anything else as it was.
    #[inline(always)]
    pub fn save() -> Self {
        let were_on = matches!(K::Machine::level(), Level::Process);
        if were_on {
            mask_irqs::<K>();
        }
        IrqsSaved { were_on, unsendable: PhantomData }
    }

    /// The context that this guard stands for.
    #[inline(always)]
    pub fn cpu(&self) -> &Cpu<K, crate::NoIrq> {
        const { &Cpu(PhantomData) }
    }
}

impl<K: Kernel> Drop for IrqsSaved<K> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.were_on {
            open_irqs::<K>();
        }
    }
}

/// Hardware first: what tracking says is never more closed than what is (C75).
#[inline(always)]
pub(crate) fn mask_irqs<K: Kernel>() {
    K::Machine::irqs_off(Step::new());
    K::IrqTracing::off();
    K::IrqTracing::off_finish();
}

/// Tracking first, while nothing can interrupt it (C23).
#[inline(always)]
pub(crate) fn open_irqs<K: Kernel>() {
    K::IrqTracing::on_prepare();
    K::IrqTracing::on();
    K::Machine::irqs_on(Step::new());
}
