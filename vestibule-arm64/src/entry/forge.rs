//! What only this crate can do, for who wants to build a path that the types forbid: the model's corpus of broken ones.
//! Not compiled without `--cfg vestibule_forge`, which no kernel sets.
//!
//! Single things alone, never a path: a variant is made of the shipped steps, and of these between them.

use super::*;
use crate::Bodies;
use crate::breakpoints::{Hit, Kind};
use core::marker::PhantomData;
use vestibule::{Acknowledged, Critical, Error, Hardirq, Masks, NoNmi, Port};

/// A kernel's port whose handlers have other masks than its backend: `B` in place of them.
pub struct Mixed<B, K>(PhantomData<(B, K)>);
impl<B: Masks<Frame = Frame>, K: Bodies> Port for Mixed<B, K> {
    type Kernel = K;
    type Masks = B;
}
impl<B, K> crate::bodies::sealed::Sealed for Mixed<B, K> {}
impl<B: Masks<Frame = Frame>, K: Bodies> Arm64Port for Mixed<B, K> {}

/// Who has it can claim a token.
pub const fn key() -> Key {
    // SAFETY: none: this is for a simulated CPU, where a wrong token is what is looked for.
    unsafe { Key::new() }
}

/// Whether it is counted or not.
pub const fn dying<K>() -> crate::Dying<K> {
    crate::Dying::counted()
}

/// ELR and SPSR into the frame.
pub fn capture<P: Arm64Port>(frame: &mut Frame) {
    frame.capture::<HardwareOf<P>>();
}

/// The same, and the user's stack pointer.
pub fn capture_user<P: Arm64Port>(frame: &mut Frame) {
    super::capture_user::<P>(frame);
}

/// ESR into the frame.
pub fn capture_syndrome<P: Arm64Port>(frame: &mut Frame) {
    frame.capture_syndrome::<HardwareOf<P>>();
}

/// FAR into the frame.
pub fn capture_fault_address<P: Arm64Port>(frame: &mut Frame) {
    frame.capture_fault_address::<HardwareOf<P>>();
}

/// ELR and SPSR from the frame.
pub fn put_back<P: Arm64Port>(frame: &Frame) {
    super::put_back::<P>(frame);
}

/// The same, and the user's stack pointer.
pub fn put_back_user<P: Arm64Port>(frame: &Frame) {
    super::put_back_user::<P>(frame);
}

/// A handler of a class, as the vectors call it.
pub fn take<P: Arm64Port, X: Class>(frame: &mut Frame, handler: impl FnOnce(Taken<'_, P, X>) -> Restored<'_, P, X>) {
    super::take(frame, handler);
}

/// Which interrupt it is.
pub fn acknowledge<K: Bodies, L: Line>(cpu: &Cpu<K, NoNmi>) -> Acknowledged {
    crate::bodies::acknowledge::<K, L>(cpu)
}

/// The body of an interrupt that was acknowledged, and its end.
pub fn interrupt<K: Bodies, L: Line>(cpu: Cpu<K, Hardirq>, number: Option<u32>, frame: &mut Frame) -> Cpu<K, Hardirq> {
    crate::bodies::interrupt::<K, L>(cpu, number, frame)
}

/// The body of an NMI that was acknowledged, and its end.
pub fn nmi<K: Bodies, L: Line>(cpu: Cpu<K, NoNmi>, number: u32, frame: &mut Frame) -> Cpu<K, NoNmi> {
    crate::bodies::nmi::<K, L>(cpu, number, frame)
}

/// An NMI from where ordinary interrupts are masked: acknowledged, its body, its end.
pub fn only_nmi<K: Bodies, L: Line>(cpu: Cpu<K, NoNmi>, frame: &mut Frame) -> Cpu<K, NoNmi> {
    crate::bodies::only_nmi::<K, L>(cpu, frame)
}

/// The body of an SError of the kernel.
pub fn serror<K: Bodies>(cpu: Cpu<K, Error>, frame: &mut Frame) -> Cpu<K, Error> {
    crate::bodies::serror(cpu, frame)
}

/// The first half of an SError of user mode.
pub fn user_serror<K: Bodies>(cpu: Cpu<K, Error>, frame: &mut Frame) -> Cpu<K, Error> {
    crate::bodies::user_serror(cpu, frame)
}

/// And its second.
pub fn user_serror_opened<K: Bodies>(cpu: Cpu<K, Process>, frame: &mut Frame) -> Cpu<K, Process> {
    crate::bodies::user_serror_opened(cpu, frame)
}

/// What becomes of a point of user mode that was hit.
pub fn user_point<K: Bodies>((cpu, hit): (Cpu<K, Critical>, Hit), kind: Kind, frame: &mut Frame) -> Hit {
    crate::bodies::user_point((cpu, hit), kind, frame).1
}

/// The way over a point of the kernel.
pub fn kernel_point<K: Bodies>(cpu: Cpu<K, Critical>, kind: Kind, frame: &mut Frame) -> Cpu<K, Critical> {
    crate::bodies::kernel_point(cpu, kind, frame)
}

/// And its end.
pub fn kernel_stepped<K: Bodies>(cpu: Cpu<K, Critical>, frame: &mut Frame) -> Cpu<K, Critical> {
    crate::bodies::kernel_stepped(cpu, frame)
}
