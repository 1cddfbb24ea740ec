//! The owner of a token neither moves the masks under it nor begins an exit of his own: only the library makes a step,
//! and one that it hands to somebody's own machine or backend is of no use elsewhere.
//@ opens: E0061 "argument #2"
//@ closes: E0061 "argument #2"
//@ stolen: E0308 "expected `Step<Process>`, found `Step<NoMasks>`"
//@ first: E0061 "argument #3"

use support::*;

/// Somebody's own backend.
pub enum NoMasks {}
impl Masks for NoMasks {
    type Frame = Frame;
    fn lower<From: Fixed, To: Fixed>(step: Step<Self>) {
        #[cfg(bad = "stolen")]
        <Process as Opens>::open::<SomePort>(&Frame::default(), step);
    }
    fn inherit(_: &Frame, _: Step<Self>) {}
    fn mask<From: Context>(_: Step<Self>) {}
}

pub fn body(cpu: Cpu<SomeKernel, Process>, frame: &mut Frame, step: Step<Process>) {
    #[cfg(good)]
    <Process as Opens>::open::<SomePort>(frame, step);
    #[cfg(bad = "opens")]
    <Process as Opens>::open::<SomePort>(frame);
    #[cfg(bad = "closes")]
    <Process as Opens>::close::<SomePort>(frame);
    #[cfg(bad = "first")]
    let x: Exception<'_, SomePort, El0Svc, _> = Exception::first(cpu, frame);
}
