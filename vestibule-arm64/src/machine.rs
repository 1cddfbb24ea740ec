//! The port's side of the generic half: the CPU as bodies see it, and the backend `Daif`.

use crate::hardware::{A, D, DAIF_SHIFT, F, I};
use crate::{Frame, Hardware, NO_SYSCALL, pstate};
use core::marker::PhantomData;
use core::sync::atomic::AtomicU64;
use vestibule::{Context, CpuState, Fixed, Level, Machine, Masks, Step, TaskWord};

/// Proof that the port speaks: who has one can claim a token.
pub struct Key(());

impl Key {
    /// # Safety
    /// The CPU is in the context that is claimed with it.
    #[inline(always)]
    pub(crate) const unsafe fn new() -> Key {
        Key(())
    }
}

/// An arm64 CPU whose hardware is `H`.
pub struct Arm64<H>(PhantomData<H>);

impl<H: Hardware> Machine for Arm64<H> {
    type Key = Key;
    type Frame = Frame;

    #[inline(always)]
    fn level() -> Level {
        decode(H::daif())
    }
    #[inline(always)]
    fn level_in(of: Level) -> Level {
        decode(u64::from(daif(of)) << DAIF_SHIFT)
    }
    #[inline(always)]
    fn irqs_off(_: Step<Self>) {
        // SAFETY: a `Step` comes with the token that this makes true.
        unsafe { H::daif_set::<{ I | F }>() }
    }
    #[inline(always)]
    fn irqs_on(_: Step<Self>) {
        // SAFETY: as above.
        unsafe { H::daif_clear::<{ I | F }>() }
    }
    #[inline(always)]
    fn wait_for_interrupt(_: Step<Self>) {
        H::wait_for_interrupt();
    }

    #[inline(always)]
    fn interrupted(frame: &Frame) -> Level {
        decode(H::read(&frame.pstate))
    }
    #[inline(always)]
    fn came_by_syscall(frame: &mut Frame, syscall: bool, _: Step<Self>) {
        let number = if syscall { H::read(&frame.regs[8]) } else { NO_SYSCALL };
        H::write(&mut frame.syscall, number);
        if syscall {
            H::write(&mut frame.first_argument, H::read(&frame.regs[0]));
        }
    }

    #[inline(always)]
    fn task_word(_: Step<Self>) -> &'static TaskWord {
        // SAFETY: `set_current` promised that the current task lives; the generic half keeps this no longer than the
        // token of the task that asks.
        unsafe { (*H::current()).word() }
    }
    #[inline(always)]
    fn cpu_state(_: Step<Self>) -> &'static CpuState {
        // SAFETY: as above.
        unsafe { (*H::current()).cpu::<H>().state() }
    }
    #[inline(always)]
    fn on_task_stack() -> bool {
        // SAFETY: as above.
        unsafe { (*H::current()).is_own_stack(H::stack_pointer()) }
    }
    #[inline(always)]
    fn on_irq_stack(f: impl FnOnce(), from_user: bool, _: Step<Self>) {
        // SAFETY: as above.
        let thread = unsafe { &*H::current() };
        if from_user || thread.is_own_stack(H::stack_pointer()) {
            // SAFETY: what comes from user mode comes on the task's stack. Whoever runs there is not on the interrupt stack,
            // and all that ever was on that has come back from it before it scheduled; a `Step` for this comes with `Critical`.
            unsafe { H::on_irq_stack(thread.cpu::<H>().irq_stack_top(), f) }
        } else {
            core::hint::cold_path();
            f();
        }
    }

    #[inline(always)]
    fn load(cell: &AtomicU64) -> u64 {
        H::load(cell)
    }
    #[inline(always)]
    fn store(cell: &AtomicU64, value: u64) {
        H::store(cell, value);
    }
    #[inline(always)]
    fn add(cell: &AtomicU64, value: u64) -> u64 {
        H::add(cell, value)
    }
    #[inline(always)]
    fn add_ordered(cell: &AtomicU64, value: u64) -> u64 {
        H::add_ordered(cell, value)
    }
    #[inline(always)]
    fn set(cell: &AtomicU64, bits: u64) {
        H::set(cell, bits);
    }
    #[inline(always)]
    fn clear(cell: &AtomicU64, bits: u64) {
        H::clear(cell, bits);
    }
}

/// The masks of a context, without NMIs: `NoNmi` is `NoIrq`.
const fn daif(level: Level) -> u32 {
    match level {
        Level::Process => 0,
        Level::NoIrq | Level::NoNmi => I | F,
        Level::Error => A | I | F,
        Level::Critical => D | A | I | F,
    }
}

/// The context of the masks. Total: what is none of the five counts as the stricter. `Process` first, because most who
/// ask ask only for that: one test then.
const fn decode(pstate: u64) -> Level {
    let masks = (pstate >> DAIF_SHIFT) as u32 & (D | A | I | F);
    if masks == 0 {
        Level::Process
    } else if masks & D != 0 {
        Level::Critical
    } else if masks & A != 0 {
        Level::Error
    } else {
        Level::NoIrq
    }
}

/// The backend for CPUs whose interrupts are all masked by PSTATE.
pub struct Daif<H>(PhantomData<H>);

impl<H: Hardware> Masks for Daif<H> {
    type Frame = Frame;

    #[inline(always)]
    fn lower<From: Fixed, To: Fixed>(_: Step<Self>) {
        // SAFETY: a `Step` comes with the token that this makes true.
        unsafe {
            match const { daif(From::FIXED) & !daif(To::FIXED) } {
                0b1111 => H::daif_clear::<{ D | A | I | F }>(),
                0b1100 => H::daif_clear::<{ D | A }>(),
                0b1000 => H::daif_clear::<D>(),
                0b0111 => H::daif_clear::<{ A | I | F }>(),
                0b0100 => H::daif_clear::<A>(),
                0b0011 => H::daif_clear::<{ I | F }>(),
                _ => {}
            }
        }
    }
    #[inline(always)]
    fn inherit(frame: &Frame, _: Step<Self>) {
        // SAFETY: as above; the interrupted code had exactly these.
        unsafe { H::write_daif(H::read(&frame.pstate) & pstate::DAIF) }
    }
    #[inline(always)]
    fn mask<From: Context>(_: Step<Self>) {
        // SAFETY: as above.
        unsafe { H::daif_set::<{ D | A | I | F }>() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_decodes_and_the_five_decode_to_themselves() {
        for level in [Level::Process, Level::NoIrq, Level::Error, Level::Critical] {
            assert_eq!(decode(u64::from(daif(level)) << DAIF_SHIFT), level);
        }
        for masks in 0..16_u32 {
            let level = decode(u64::from(masks) << DAIF_SHIFT);
            let strictest_needed = [(D, Level::Critical), (A, Level::Error), (I | F, Level::NoIrq)]
                .into_iter()
                .find_map(|(bits, level)| (masks & bits != 0).then_some(level))
                .unwrap_or(Level::Process);
            assert_eq!(level, strictest_needed, "{masks:04b}");
        }
    }
}
