//! The port's side of the generic half: the CPU as bodies see it.

use crate::thread::running;
use crate::{Backend, Frame, Hardware, NO_SYSCALL, noinstr};
use core::marker::PhantomData;
use core::sync::atomic::AtomicU64;
use vestibule::{CpuState, Level, Machine, Step, TaskWord};

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

noinstr! {
    /// What goes on where it is, apart: a handler has its body once, as what it calls on the interrupt stack.
    #[cold]
    #[inline(never)]
    fn here(f: impl FnOnce()) {
        f();
    }

    /// The idle task's wait, and what makes it unwatched: nothing between is ordinary code (C69).
    #[inline(never)]
    fn unwatched(f: impl FnOnce()) {
        f();
    }
}

/// An arm64 CPU whose contexts lie as `B` says.
pub struct Arm64<B>(PhantomData<B>);

impl<B: Backend> Machine for Arm64<B> {
    type Key = Key;
    type Frame = Frame;

    #[inline(always)]
    fn level() -> Level {
        B::level()
    }
    #[inline(always)]
    fn level_in(of: Level) -> Level {
        B::level_in(of)
    }
    #[inline(always)]
    fn irqs_off(_: Step<Self>) {
        // SAFETY: a `Step` comes with the token that this makes true.
        unsafe { B::irqs_off() }
    }
    #[inline(always)]
    fn irqs_on(_: Step<Self>) {
        // SAFETY: as above.
        unsafe { B::irqs_on() }
    }
    #[inline(always)]
    fn nmis_off(_: Step<Self>) {
        // SAFETY: as above.
        unsafe { B::nmis_off() }
    }
    #[inline(always)]
    fn nmis_on(_: Step<Self>) {
        // SAFETY: as above.
        unsafe { B::nmis_on() }
    }
    #[inline(always)]
    fn wait_for_interrupt(_: Step<Self>) {
        B::Hardware::wait_for_interrupt();
    }
    #[inline(always)]
    fn unwatched(f: impl FnOnce(), _: Step<Self>) {
        unwatched(f);
    }

    #[inline(always)]
    fn interrupted(frame: &Frame) -> Level {
        B::interrupted(frame)
    }
    #[inline(always)]
    fn came_by_syscall(frame: &mut Frame, syscall: bool, _: Step<Self>) {
        let number = if syscall { B::Hardware::read(&frame.regs[8]) } else { NO_SYSCALL };
        B::Hardware::write(&mut frame.syscall, number);
        if syscall {
            B::Hardware::write(&mut frame.first_argument, B::Hardware::read(&frame.regs[0]));
        }
    }

    #[inline(always)]
    fn task_word(_: Step<Self>) -> &'static TaskWord {
        // The generic half keeps this no longer than the token of the task that asks.
        running::<B::Hardware>().word()
    }
    #[inline(always)]
    fn cpu_state(_: Step<Self>) -> &'static CpuState {
        running::<B::Hardware>().cpu::<B::Hardware>().state()
    }
    #[inline(always)]
    fn on_task_stack() -> bool {
        running::<B::Hardware>().is_own_stack(B::Hardware::stack_pointer())
    }
    #[inline(always)]
    fn on_irq_stack(f: impl FnOnce(), from_user: bool, _: Step<Self>) {
        let thread = running::<B::Hardware>();
        if from_user || thread.is_own_stack(B::Hardware::stack_pointer()) {
            // SAFETY: what comes from user mode comes on the task's stack. Whoever runs there is not on the interrupt stack,
            // and all that ever was on that has come back from it before it scheduled; a `Step` for this comes with `Critical`.
            unsafe { B::Hardware::on_irq_stack(thread.cpu::<B::Hardware>().irq_stack_top(), f) }
        } else {
            here(f);
        }
    }

    #[inline(always)]
    fn load(cell: &AtomicU64) -> u64 {
        B::Hardware::load(cell)
    }
    #[inline(always)]
    fn store(cell: &AtomicU64, value: u64) {
        B::Hardware::store(cell, value);
    }
    #[inline(always)]
    fn add(cell: &AtomicU64, value: u64) -> u64 {
        B::Hardware::add(cell, value)
    }
    #[inline(always)]
    fn add_ordered(cell: &AtomicU64, value: u64) -> u64 {
        B::Hardware::add_ordered(cell, value)
    }
    #[inline(always)]
    fn set(cell: &AtomicU64, bits: u64) {
        B::Hardware::set(cell, bits);
    }
    #[inline(always)]
    fn clear(cell: &AtomicU64, bits: u64) {
        B::Hardware::clear(cell, bits);
    }
}
