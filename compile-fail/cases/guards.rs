//! A guard stands for exactly what it borrows: it does not outlive it, and what it stands for ends with it.
//@ outlives: E0515 "cannot return value referencing function parameter `cpu`"
//@ out_of_order: E0505 "cannot move out of `preempt_off` because it is borrowed"
//@ kept_token: E0505 "cannot move out of `irqs_off` because it is borrowed"
//@ token_given_away: E0505 "cannot move out of `cpu` because it is borrowed"
//@ masked_again: E0599 "`NoIrq: IrqsOpen`"
//@ masks_unknown: E0599 "`Inherit: IrqsOpen`"
//@ preempt_off_in_interrupt: E0599 "no method named `preempt_off` found for mutable reference `&mut Cpu<K, NoIrq>`"

use support::*;

pub fn work<K: Kernel>(mut cpu: Cpu<K, Process>, no_irq: &mut Cpu<K, NoIrq>, inherit: &mut Cpu<K, Inherit>) {
    let mut preempt_off = cpu.preempt_off();
    let mut irqs_off = preempt_off.irqs_off();
    #[cfg(bad = "out_of_order")]
    drop(preempt_off);
    let token: &Cpu<K, NoIrq> = &irqs_off;
    #[cfg(bad = "kept_token")]
    drop(irqs_off);
    token.state();
    #[cfg(bad = "token_given_away")]
    give(cpu);
    #[cfg(not(any(bad = "out_of_order", bad = "kept_token")))]
    drop(irqs_off);
    #[cfg(bad = "masked_again")]
    no_irq.irqs_off();
    #[cfg(bad = "masks_unknown")]
    inherit.irqs_off();
    #[cfg(bad = "preempt_off_in_interrupt")]
    no_irq.preempt_off();
}

pub fn give<K: Kernel>(_: Cpu<K, Process>) {}

#[cfg(bad = "outlives")]
pub fn outlives<'a, K: Kernel>(mut cpu: Cpu<K, Process>) -> IrqsOff<'a, K, Process> {
    cpu.irqs_off()
}
