//! Programs other than a family's: the idle task with another wait, and one exception by itself.

use vestibule::{ContextTracking, Cpu, Flags, Machine, Process, forge};
use vestibule_arm64::hardware::{A, D, F, I};
use vestibule_arm64::{Backend, Bodies, Frame, Hardware};

use super::parts::{K, M, P};
use crate::event::Exception;
use crate::family::{self, Family, live, prepare_others};
use crate::hardware::Simulated;
use crate::op::Op;
use crate::shadow::Shadow;
use crate::step::step;
use crate::vector::{first, first_by, take};
use crate::world::{IDLE, World, with};

/// Boots, with everything open and nobody else to run.
fn boot<K: Bodies<Backend: Backend<Hardware = Simulated>>>() -> Cpu<K, Process> {
    let cpu = family::boot::<K>();
    with(|world| {
        let current = world.current;
        world.tasks[..IDLE].iter_mut().enumerate().for_each(|(task, other)| other.runnable = task == current);
    });
    cpu
}

/// The idle task alone, round and round with one wait or another.
pub(super) fn idles(wait: fn(&mut Cpu<K, Process>)) {
    let mut cpu = boot::<K>();
    live();
    loop {
        with(|world| world.top().shadow = Shadow::of(6));
        step(Op::Kernel("idle"), 0);
        if cpu.task_word().read::<M>().work().any_of(Flags::RESCHED) {
            cpu.task_word().clear::<M>(Flags::RESCHED);
        }
        wait(&mut cpu);
    }
}

/// The idle task on any kernel, with a wait that masks interrupts as a guard does.
pub(super) fn idles_by_priority<K: Bodies<Backend: Backend<Hardware = Simulated>>>() {
    let mut cpu = boot::<K>();
    live();
    step(Op::Kernel("idle"), 0);
    let _off = cpu.irqs_off();
    K::ContextTracking::eqs_enter(forge::step());
    K::Machine::wait_for_interrupt(forge::step());
}

/// A CPU that boots, opens everything but the priority mask, and goes on.
pub(super) fn boots_with_pmr_as_it_is() {
    // SAFETY: not what anybody's token says; that is the variant.
    unsafe { Simulated::daif_clear::<{ D | A | I | F }>() };
    live();
    step(Op::Kernel("kernel code"), 0);
}

/// A task's first return to user mode, left by `leave`.
pub(super) fn first_return(leave: fn(Cpu<K, Process>, &mut Frame)) {
    let cpu = boot::<K>();
    prepare_others::<P>(Family::First);
    live();
    with(World::leave_as_from_user_mode);
    first_by(|frame| leave(cpu, frame));
}

/// One exception of the kernel's code, with these flags set.
pub(super) fn kernel(exception: Exception, flags: Option<Flags>) {
    let _cpu = boot::<K>();
    one(exception, flags);
}

/// One exception of user mode, with these flags set.
pub(super) fn user(exception: Exception, flags: Option<Flags>) {
    first::<P>(boot::<K>());
    one(exception, flags);
}

fn one(exception: Exception, flags: Option<Flags>) {
    if let Some(flags) = flags {
        forge::cpu::<K, Process>().task_word().set::<M>(flags);
    }
    live();
    take(exception);
    with(World::finish);
}
