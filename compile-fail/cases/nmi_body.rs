//! An NMI's body has NMIs masked, and from there nothing sleeps, switches, opens interrupts or passes for an interrupt's body.
//@ irqs_off: E0599 "`NoNmi: IrqsOpen`"
//@ preempt_off: E0599 "no method named `preempt_off` found for struct `Cpu<K, NoNmi>`"
//@ sleeps: E0277 "nothing may sleep in `NoNmi`"
//@ switches: E0308 "expected `Cpu<K, NoIrq>`, found `Cpu<K, NoNmi>`"
//@ idles: E0599 "no method named `idle` found for struct `Cpu<K, NoNmi>`"
//@ as_interrupt: E0308 "expected `Cpu<_, Hardirq>`, found `Cpu<K, NoNmi>`"
//@ of_an_interrupt: E0631 "expected function signature" "fn(Cpu<_, NoNmi>, _, " "fn(Cpu<_, Hardirq>, _, "

use support::*;

pub fn body<K: Kernel>(mut cpu: Cpu<K, NoNmi>, frame: &mut FrameOf<K>, cause: Cause<K>) -> Cpu<K, NoNmi> {
    #[cfg(bad = "irqs_off")]
    cpu.irqs_off();
    #[cfg(bad = "preempt_off")]
    cpu.preempt_off();
    #[cfg(bad = "sleeps")]
    cpu.schedule();
    #[cfg(bad = "switches")]
    K::Scheduler::schedule(cpu, cause);
    #[cfg(bad = "idles")]
    cpu.idle();
    #[cfg(bad = "as_interrupt")]
    interrupt(cpu, frame);
    #[cfg(any(bad = "switches", bad = "as_interrupt"))]
    loop {}
    #[cfg(not(any(bad = "switches", bad = "as_interrupt")))]
    cpu
}

pub fn irq<P: Arm64Port>(x: Exception<'_, P, El1Irq, Open<NoNmi>>) -> Exception<'_, P, El1Irq, Ran<NoNmi>> {
    #[cfg(not(bad = "of_an_interrupt"))]
    return x.acknowledge(acknowledge, P::Kernel::nmi).0;
    #[cfg(bad = "of_an_interrupt")]
    return x.acknowledge(acknowledge, P::Kernel::interrupt).0;
}
