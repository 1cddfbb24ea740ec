//! What only this crate can make, for who wants to build a path that the types forbid: the model's corpus of broken ones.
//! Not compiled without `--cfg vestibule_forge`, which no kernel sets.
//!
//! Single things alone, never a path: a variant is made of the shipped steps, and of these between them.

use super::*;

/// A step's private word.
pub const fn step<T: ?Sized>() -> Step<T> {
    Step::new()
}

/// A token, whatever the hardware says.
pub fn cpu<K: Kernel, C: Context>() -> Cpu<K, C> {
    Cpu::assume(Step::new())
}

/// What the scheduler is entered with.
pub const fn cause<K: Kernel>(why: Why) -> Cause<K> {
    Cause::new(why)
}

/// Nobody enters this exception; its frame is left.
pub fn unentered<'f, P: Port, X: Class>(taken: Taken<'f, P, X>) -> &'f mut FrameOf<P::Kernel> {
    let _ = core::mem::ManuallyDrop::new(taken.unrestored);
    taken.frame
}

/// An exception at any stage, of any class.
pub fn exception<'f, P: Port, X: Class, S: Stage>(
    frame: &'f mut FrameOf<P::Kernel>,
    noted: <X::Counts as Accounting>::Noted,
) -> Exception<'f, P, X, S> {
    Exception { frame, noted, cpu: Cpu::assume(Step::new()), unrestored: Unrestored(PhantomData) }
}

/// A body of any class, traced or not.
pub fn run<'f, P: Port, X: Class, C: Opens>(
    x: Exception<'f, P, X, Open<C>>,
    body: impl FnOnce(Cpu<P::Kernel, C>, &mut FrameOf<P::Kernel>) -> Cpu<P::Kernel, C>,
) -> Exception<'f, P, X, Ran<C>> {
    x.run_body(body)
}

/// Its frame, and what its entry noted: nobody restores it.
pub fn parts<'f, P: Port, X: Class, S: Stage>(
    x: Exception<'f, P, X, S>,
) -> (&'f mut FrameOf<P::Kernel>, <X::Counts as Accounting>::Noted) {
    let _ = core::mem::ManuallyDrop::new(x.unrestored);
    (x.frame, x.noted)
}

/// The same exception at another stage; the hardware stays where it is.
pub fn at<'f, P: Port, X: Class, S: Stage, To: Stage>(x: Exception<'f, P, X, S>) -> Exception<'f, P, X, To> {
    x.at()
}

/// An exception that is said to be restored.
pub fn restored<'f, P: Port, X: Class>(frame: &'f mut FrameOf<P::Kernel>) -> Restored<'f, P, X> {
    let _ = frame;
    Restored(PhantomData)
}

/// Opens, and tells tracing of it.
pub fn lower<P: Port, From: Fixed, To: Fixed>() {
    super::lower::<P, From, To>();
}

/// Masks everything, and tells tracing of it.
pub fn mask<P: Port, From: Fixed>() {
    crate::masks::mask::<P, From>();
}

/// Masks interrupts alone, and tells tracing of it.
pub fn mask_irqs<K: Kernel>() {
    crate::cpu::mask_irqs::<K>();
}

/// Opens them, and tells tracing of it.
pub fn open_irqs<K: Kernel>() {
    crate::cpu::open_irqs::<K>();
}

/// The interrupted code had interrupts open.
pub fn irqs_were_on<K: Kernel>(frame: &FrameOf<K>) -> bool {
    crate::irqs_were_on::<K>(frame)
}

/// What the task's word counts.
#[derive(Clone, Copy)]
pub enum Unit {
    /// Preemption off.
    Preempt,
    /// A soft interrupt.
    Softirq,
    /// An interrupt's handler.
    Hardirq,
    /// An NMI-like exception.
    NmiLike,
}

impl Unit {
    const fn value(self) -> u64 {
        match self {
            Unit::Preempt => crate::word::PREEMPT,
            Unit::Softirq => crate::word::SOFTIRQ,
            Unit::Hardirq => crate::word::HARDIRQ,
            Unit::NmiLike => AS_NMI,
        }
    }
}

/// Counts one more.
pub fn count<K: Kernel>(unit: Unit) {
    cpu::<K, Critical>().task_word().add::<K::Machine>(unit.value());
}

/// Counts one less; gives what is left.
pub fn uncount<K: Kernel>(unit: Unit) -> Word {
    cpu::<K, Critical>().task_word().sub::<K::Machine>(unit.value())
}
