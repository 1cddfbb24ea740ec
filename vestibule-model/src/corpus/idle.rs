//! The idle task's wait.

use vestibule::{ContextTracking, Cpu, Machine, Process, forge};

use super::Variant;
use super::parts::{K, M, Tracking, shipped};
use super::program::idles;
use crate::design::Design;
use crate::family::Family;

pub(super) const VARIANTS: &[Variant] = &[
    Variant {
        name: "idle-looks-open",
        origin: "LoongArch until 2025: an interrupt between need_resched() and the idle instruction was waited over",
        change: "the idle task looks for a reschedule, masks interrupts, and waits",
        expects: &[38],
        families: &[Family::Idle],
        design: |family| Design { program: |_| idles(looks_then_masks), ..shipped(family) },
    },
    Variant {
        name: "idle-waits-watched",
        origin: "plausible: cpuidle without ct_idle_enter(); a grace period would not end",
        change: "the idle task waits without telling context tracking",
        expects: &[70],
        families: &[Family::Idle],
        design: |family| Design { program: |_| idles(waits_watched), ..shipped(family) },
    },
    Variant {
        name: "idle-sleeps-open",
        origin: "the neighbourhood of 58c644ba512c: what idle does about RCU and about interrupts, in the wrong order",
        change: "the idle task tells context tracking, and masks interrupts then",
        expects: &[68],
        families: &[Family::Idle],
        design: |family| Design { program: |_| idles(tells_then_masks), ..shipped(family) },
    },
];

fn wanted(cpu: &Cpu<K, Process>) -> bool {
    cpu.task_word().read::<M>().work().any_of(vestibule::Flags::RESCHED)
}

fn eqs_enter() {
    <Tracking as ContextTracking<K>>::eqs_enter(forge::step());
}

fn eqs_exit() {
    <Tracking as ContextTracking<K>>::eqs_exit(forge::step());
}

fn sleeps() {
    M::wait_for_interrupt(forge::step());
}

fn looks_then_masks(cpu: &mut Cpu<K, Process>) {
    if !wanted(cpu) {
        forge::mask_irqs::<K>();
        eqs_enter();
        sleeps();
        eqs_exit();
        forge::open_irqs::<K>();
    }
}

fn waits_watched(cpu: &mut Cpu<K, Process>) {
    forge::mask_irqs::<K>();
    if !wanted(cpu) {
        sleeps();
    }
    forge::open_irqs::<K>();
}

fn tells_then_masks(cpu: &mut Cpu<K, Process>) {
    eqs_enter();
    forge::mask_irqs::<K>();
    if !wanted(cpu) {
        sleeps();
    }
    eqs_exit();
    forge::open_irqs::<K>();
}
