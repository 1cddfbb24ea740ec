//! `Opens` is public and asks for no `Step`: the owner of a token changes masks where he likes. A debug exception's body
//! opens everything and sleeps; an interrupt's body opens interrupts under itself; with a backend of his own, masks and
//! token part company. Should be: only an exception's steps and guards move masks.
//@ debug_body_sleeps: compiles
//@ interrupt_body_opens: compiles
//@ token_without_hardware: compiles

#![forbid(unsafe_code)]

use support::*;

/// A backend that does nothing.
pub enum NoMasks {}
impl Masks for NoMasks {
    type Frame = Frame;
    fn lower<From: Fixed, To: Fixed>(_: Step) {}
    fn inherit(_: &Frame, _: Step) {}
    fn mask<From: Context>(_: Step) {}
}

pub fn brk(cpu: Cpu<SomeKernel, Critical>, frame: &mut Frame) -> Cpu<SomeKernel, Critical> {
    #[cfg(bad = "debug_body_sleeps")]
    let cpu = {
        let mut open = <Process as Opens>::open::<SomePort>(cpu, frame);
        open.schedule(|_| true);
        <Process as Opens>::close::<SomePort>(open, frame)
    };
    cpu
}

pub fn interrupt(cpu: Cpu<SomeKernel, NoIrq>, frame: &mut Frame) -> Cpu<SomeKernel, NoIrq> {
    #[cfg(bad = "interrupt_body_opens")]
    let cpu = {
        let critical = <NoIrq as Opens>::close::<SomePort>(cpu, frame);
        let open = <Process as Opens>::open::<SomePort>(critical, frame);
        let critical = <Process as Opens>::close::<SomePort>(open, frame);
        <NoIrq as Opens>::open::<SomePort>(critical, frame)
    };
    #[cfg(bad = "token_without_hardware")]
    let cpu = {
        let said_to_be_critical = <NoIrq as Opens>::close::<On<NoMasks, SomeKernel>>(cpu, frame);
        let mut said_to_be_open = <Process as Opens>::open::<On<NoMasks, SomeKernel>>(said_to_be_critical, frame);
        said_to_be_open.schedule(|_| true);
        let said_to_be_critical = <Process as Opens>::close::<On<NoMasks, SomeKernel>>(said_to_be_open, frame);
        <NoIrq as Opens>::open::<On<NoMasks, SomeKernel>>(said_to_be_critical, frame)
    };
    cpu
}
