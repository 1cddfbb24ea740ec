//! What handlers share.

use super::cpu::word;
use super::masks::{irqs_were_on, mask, mask_from_irqs_masked, mask_irqs, open_irqs, open_to_irqs_masked};
use crate::hooks;
use core::hint::cold_path;
use core::sync::atomic::Ordering::Relaxed;
use vestibule::Why;
use vestibule_arm64::Frame;

pub const PREEMPT: u64 = 1;
pub const SOFTIRQ: u64 = 1 << 8;
pub const HARDIRQ: u64 = 1 << 16;
pub const NMI: u64 = 1 << 20;
pub const AS_NMI: u64 = NMI + HARDIRQ;
pub const INTERRUPT: u64 = 0x00ff_ff00;
const COUNTS: u64 = 0xffff_ffff;
const RESCHEDULE: u64 = 1 << 32;
const RESCHEDULE_LAZILY: u64 = 1 << 33;
const SIGNAL: u64 = 1 << 34;
const NOTIFY_RESUME: u64 = 1 << 35;
const OTHER: u64 = 0x0000_fff0_0000_0000;
pub const SYSCALL_ENTRY: u64 = 1 << 48;
pub const SYSCALL_EXIT: u64 = 1 << 49;
const WORK: u64 = 0x0000_ffff_0000_0000;
const SCHEDULE: u64 = RESCHEDULE | RESCHEDULE_LAZILY;
const IDLE: u64 = 1 << 63;

#[inline(always)]
pub fn irqs_off<const TRACKED: bool>() {
    if TRACKED {
        hooks::irqs_off();
        hooks::irqs_off_finish();
    }
}

#[inline(always)]
pub fn irqs_on<const TRACKED: bool>() {
    if TRACKED {
        hooks::irqs_on_prepare();
        hooks::irqs_on();
    }
}

/// From the kernel. True: in the idle task.
#[inline(always)]
pub fn enter_from_kernel<const TRACKED: bool>() -> bool {
    if !TRACKED {
        return false;
    }
    let idle = word().load(Relaxed) & IDLE != 0;
    if hooks::irqs_believed_on() {
        hooks::irqs_off();
    }
    if idle {
        hooks::tracking_irq_enter();
    }
    hooks::irqs_off_finish();
    idle
}

/// Preempts.
#[inline(always)]
pub fn prepare_for_kernel<const BACKEND: u8>(frame: &Frame, idle: &bool, why: Why) {
    let mut wanted = wants_preemption();
    if wanted {
        cold_path();
        wanted = !*idle && irqs_were_on::<BACKEND>(frame);
    }
    while wanted {
        open_to_irqs_masked::<BACKEND>();
        hooks::schedule(why);
        mask_from_irqs_masked::<BACKEND>();
        wanted = wants_preemption();
    }
}

#[inline(always)]
fn wants_preemption() -> bool {
    word().load(Relaxed) & (COUNTS | RESCHEDULE) == RESCHEDULE
}

#[inline(always)]
pub fn leave_to_kernel<const TRACKED: bool, const BACKEND: u8>(frame: &Frame, idle: bool) {
    if !TRACKED {
        return;
    }
    let irqs_were_on = irqs_were_on::<BACKEND>(frame);
    if irqs_were_on {
        hooks::irqs_on_prepare();
    }
    if idle {
        hooks::tracking_irq_exit();
    }
    if irqs_were_on {
        hooks::irqs_on();
    }
}

#[inline(always)]
pub fn enter_from_user<const TRACKED: bool>() {
    if TRACKED {
        hooks::irqs_off();
        hooks::tracking_eqs_exit();
        hooks::irqs_off_finish();
    }
}

/// Somebody traces that of the task's system calls.
#[inline(always)]
pub fn is_traced(what: u64) -> bool {
    word().load(Relaxed) & what != 0
}

/// Works until there is nothing left to do.
#[inline(always)]
pub fn prepare_for_user<const TRACKED: bool, const BACKEND: u8>(frame: &mut Frame) {
    loop {
        let work = word().load(Relaxed) & WORK;
        if work == 0 {
            return;
        }
        cold_path();
        open_to_irqs_masked::<BACKEND>();
        if work & SCHEDULE != 0 {
            hooks::schedule(Why::UserExit);
        }
        if work & !SCHEDULE == 0 {
            mask_from_irqs_masked::<BACKEND>();
            continue;
        }
        irqs_on::<TRACKED>();
        open_irqs::<BACKEND>();
        if work & SIGNAL != 0 {
            hooks::work_signal(frame);
        }
        if work & NOTIFY_RESUME != 0 {
            hooks::work_notify_resume(frame);
        }
        if work & OTHER != 0 {
            hooks::work_other(frame);
        }
        mask::<BACKEND>();
        irqs_off::<TRACKED>();
    }
}

#[inline(always)]
pub fn leave_to_user<const TRACKED: bool>() {
    if TRACKED {
        hooks::irqs_on_prepare();
        hooks::tracking_eqs_enter();
        hooks::irqs_on();
    }
}

/// In the middle of anything. True: interrupts were believed on.
#[inline(always)]
pub fn enter_anywhere<const TRACKED: bool>(unit: u64) -> bool {
    let believed_on = TRACKED && hooks::irqs_believed_on();
    word().fetch_add(unit, Relaxed);
    if TRACKED {
        if believed_on {
            hooks::irqs_off();
        }
        hooks::tracking_irq_enter();
        hooks::irqs_off_finish();
    }
    believed_on
}

#[inline(always)]
pub fn leave_anywhere<const TRACKED: bool>(believed_on: bool, unit: u64) {
    if TRACKED {
        if believed_on {
            hooks::irqs_on_prepare();
        }
        hooks::tracking_irq_exit();
        if believed_on {
            hooks::irqs_on();
        }
    }
    word().fetch_sub(unit, Relaxed);
}

pub fn run_softirqs<const TRACKED: bool, const BACKEND: u8>() {
    const PASSES: u32 = 8;
    word().fetch_add(SOFTIRQ, Relaxed);
    for _ in 0..PASSES {
        irqs_on::<TRACKED>();
        open_irqs::<BACKEND>();
        hooks::softirqs_run();
        mask_irqs::<BACKEND>();
        irqs_off::<TRACKED>();
        if !hooks::softirqs_pending() {
            break;
        }
    }
    word().fetch_sub(SOFTIRQ, Relaxed);
}
