//! Mask bits, stacks and per-CPU words are moved and handed out by the library's steps only: whoever calls the machine
//! or the backend lacks a `Step`.
//@ literal: E0423 "cannot initialize a tuple struct which contains private fields"
//@ new: E0624 "associated function `new` is private"
//@ none: E0061 "argument #1"
//@ other_machine: E0308 "expected `Step<Arm64<Daif<NoCpu>>>`, found `Step<Daif<NoCpu>>`"
//@ backend: E0423 "cannot initialize a tuple struct which contains private fields"
//@ task_word: E0061 "argument #1"

use support::*;

/// A port that is handed a step may use it.
pub fn with_a_step(step: Step<Arm64<Daif<NoCpu>>>, other: Step<Daif<NoCpu>>) {
    #[cfg(good)]
    <Arm64<Daif<NoCpu>> as Machine>::irqs_on(step);
    #[cfg(bad = "literal")]
    <Arm64<Daif<NoCpu>> as Machine>::irqs_on(Step(()));
    #[cfg(bad = "new")]
    <Arm64<Daif<NoCpu>> as Machine>::irqs_on(Step::new());
    #[cfg(bad = "none")]
    <Arm64<Daif<NoCpu>> as Machine>::irqs_on();
    #[cfg(bad = "other_machine")]
    <Arm64<Daif<NoCpu>> as Machine>::irqs_on(other);
    #[cfg(bad = "backend")]
    <Daif<NoCpu> as Masks>::lower::<Critical, Process>(Step(()));
    #[cfg(bad = "task_word")]
    <Arm64<Daif<NoCpu>> as Machine>::task_word();
}
