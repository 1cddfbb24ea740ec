//! Checks that no change of the entry code trips, because something else would be found first: kernels and a CPU that do
//! what no kernel and no CPU may show that they can fail.

use std::mem::forget;

use vestibule::{Cause, Cpu, Critical, Error, Flags, Hardirq, Kernel, NoIrq, Process, Scheduler, Tracked, TrackedIrqs};
use vestibule_arm64::{Arm64, Bodies, Daif, Frame, GicV3, Hardware, On, current, entry};
use vestibule_model::cpu::D;
use vestibule_model::design::Design;
use vestibule_model::event::Events;
use vestibule_model::explore::{Search, explore};
use vestibule_model::family::Family;
use vestibule_model::hardware::Simulated;
use vestibule_model::kernel::{Chooses, Everything, PortOf};
use vestibule_model::observe::{Promise, dies, scheduling, within};
use vestibule_model::world::{IRQ_STACK, Limits, Reductions, with};

/// What is wrong with it: the constraint.
struct Wrong<const WITH: u16>;

type Port<const WITH: u16> = On<Wrong<WITH>>;

impl<const WITH: u16> Kernel for Wrong<WITH> {
    type Machine = Arm64<Daif<Simulated>>;
    type Scheduler = Sched;
    type ContextTracking = Tracked;
    type IrqTracing = TrackedIrqs;
    type UserWork = ();
    type SyscallWork = ();
    type Softirqs = ();
    type Checks = Chooses;
}

enum Sched {}
impl<const WITH: u16> Scheduler<Wrong<WITH>> for Sched {
    fn schedule(cpu: Cpu<Wrong<WITH>, NoIrq>, cause: Cause<Wrong<WITH>>) -> Cpu<Wrong<WITH>, NoIrq> {
        scheduling(cause.why(), || {
            current(&cpu).word().clear::<Arm64<Daif<Simulated>>>(Flags::RESCHED);
            if WITH == 37 {
                // SAFETY: of the simulated CPU only; what follows from it is what the model is to find.
                unsafe { Simulated::daif_set::<4>() };
            }
            cpu
        })
    }
}

impl<const WITH: u16> Bodies for Wrong<WITH> {
    type Backend = Daif<Simulated>;
    type Controller = GicV3<Daif<Simulated>>;

    fn die(_: vestibule_arm64::Dying<Self>, what: &'static str, frame: &Frame) -> ! {
        dies(what, frame)
    }
    fn syscall(mut cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        let mut seen = *frame;
        if WITH == 115 {
            seen.syscall += 1;
        }
        within("system call", Promise::User, &mut seen, || match WITH {
            // SAFETY: as above.
            14 => unsafe { Simulated::write_daif(u64::from(D) << 6) },
            37 => cpu.schedule(),
            116 => forget(cpu.preempt_off()),
            _ => {}
        });
        cpu
    }
    fn interrupt(cpu: Cpu<Self, Hardirq>, _: u32, frame: &mut Frame) -> Cpu<Self, Hardirq> {
        within("interrupt", Promise::Hardirq, frame, || cpu)
    }
    // Bodies that are promised more than they get.
    fn kernel_brk(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
        let promise = match WITH {
            7 => Promise::User,
            8 => Promise::Hardirq,
            9 => Promise::Error,
            _ => Promise::Critical,
        };
        within("kernel BRK", promise, frame, || cpu)
    }
    fn user_serror(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        within("user SError", Promise::User, frame, || cpu)
    }
    fn serror_corrected(cpu: Cpu<Self, Error>, frame: &mut Frame) -> Cpu<Self, Error> {
        within("corrected SError", Promise::Error, frame, || {
            if WITH == 83 {
                cpu.task_word().set::<Arm64<Daif<Simulated>>>(Flags::RESCHED);
            }
            cpu
        })
    }
}

/// Every constraint that does not hold.
fn broken(design: Design) -> Vec<u16> {
    let limits = Limits { events: Events::ALL, budget: Some(2), reductions: Reductions::All };
    let search = Search { limits, hashing: true, threads: 1, first_only: false, shard: None, progress: None };
    let failed = explore(design, &search).fired.failed;
    failed.iter().zip(0..).filter(|(times, _)| **times > 0).map(|(_, constraint)| constraint).collect()
}

fn wrong<const WITH: u16>() -> bool {
    broken(Design::of::<Port<WITH>>(Family::Copy)).contains(&WITH)
}

#[test]
fn a_cpu_that_leaves_debug_exceptions_open() {
    let mut design = Design::of::<PortOf<Everything>>(Family::Kernel);
    design.taking_leaves_open = D;
    assert_eq!(broken(design), [1]);
}

#[test]
fn bodies_that_do_not_get_what_they_were_promised() {
    assert_eq!(broken(Design::of::<Port<0>>(Family::Copy)), Vec::<u16>::new());
    assert!(wrong::<7>() && wrong::<8>() && wrong::<9>() && wrong::<115>());
}

#[test]
fn kernels_that_move_masks_and_counts() {
    assert!(wrong::<14>() && wrong::<37>() && wrong::<83>() && wrong::<116>());
}

/// The shipped handler, and then user mode gets masks.
unsafe extern "C" fn masks_user_mode(frame: &mut Frame) {
    // SAFETY: as the vectors call it.
    unsafe { entry::el0_sync::<PortOf<Everything>>(frame) };
    frame.pstate |= u64::from(D) << 6;
    // SAFETY: as above.
    unsafe { Simulated::set_spsr(frame.pstate) };
}

/// The shipped handler, and then it is not back from the interrupt stack.
unsafe extern "C" fn stays_on_irq_stack(frame: &mut Frame) {
    // SAFETY: as the vectors call it.
    unsafe { entry::el0_irq::<PortOf<Everything>>(frame) };
    with(|world| {
        let current = world.current;
        world.tasks[current].stack_pointer = IRQ_STACK + 0x100;
    });
}

#[test]
fn a_user_mode_left_for_on_the_interrupt_stack() {
    let mut design = Design::of::<PortOf<Everything>>(Family::User);
    design.el0[1] = stays_on_irq_stack;
    assert!(broken(design).contains(&56));
}

#[test]
fn a_user_mode_with_masks() {
    let mut design = Design::of::<PortOf<Everything>>(Family::User);
    design.el0[0] = masks_user_mode;
    assert!(broken(design).contains(&60));
}

/// The shipped handler, and then this CPU is watched.
unsafe extern "C" fn watches_user_mode(frame: &mut Frame) {
    // SAFETY: as the vectors call it.
    unsafe { entry::el0_sync::<PortOf<Everything>>(frame) };
    with(|world| world.begin_watching());
}

#[test]
fn a_user_mode_that_is_watched() {
    let mut design = Design::of::<PortOf<Everything>>(Family::User);
    design.el0[0] = watches_user_mode;
    assert!(broken(design).contains(&58));
}
