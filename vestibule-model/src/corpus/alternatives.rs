//! The designs that the thread weighed against each other, from the same parts, and how often each writes the masks.
//!
//! Every one of them runs a body in which a fault wakes a task: otherwise nobody could tell that faults do not preempt.

use vestibule::{Class, Critical, Entered, Flags, Inherit, Masked, Masks, NoIrq, Process, Ran, Ready, Why, forge};
use vestibule_arm64::classes::{El0Svc, El1Abort, El1Irq};
use vestibule_arm64::{Bodies, Frame, Hardware};

use super::Alternative;
use super::parts::{
    At, B, Handler, K, P, SCHEDULE, WORK, abort_that_wakes, between, handled, handlers, kernel_abort, kernel_irq, look,
    schedule, shipped, undo, user_svc, user_work,
};
use crate::cpu::{A, D, F, I};
use crate::design::Design;
use crate::event::{Events, Exception};
use crate::explore::replay;
use crate::family::Family;
use crate::hardware::Simulated;
use crate::op::Op;
use crate::verdict::End;
use crate::world::{Limits, Reductions, with};

pub(super) const ALTERNATIVES: &[Alternative] = &[
    Alternative {
        name: "arch-private",
        origin: "Mark Rutland, 20 March 2026; arm64 before 6.18",
        what: "the port preempts by itself, on the way out of interrupts alone, before the generic exit",
        departs: &[27],
        design: |family| linux::<PrivateAbort, PrivateIrq>(family),
    },
    Alternative {
        name: "hooks",
        origin: "Thomas Gleixner, 22 March 2026",
        what: "the generic entry and exit call the port to open and to mask, knowing the saved state but no class",
        departs: &[13, 14, 27],
        design: |family| linux::<HookedAbort, HookedIrq>(family),
    },
    Alternative {
        name: "refuse",
        origin: "Jinjie Ruan, 24 March 2026; 2371bd83b3df in 6.18.y and 7.0.y",
        what: "the generic exit preempts as in 6.18, but not if SError or debug exceptions are masked",
        departs: &[27],
        design: |family| linux::<RefusingAbort, RefusingIrq>(family),
    },
    Alternative {
        name: "split",
        origin: "Mark Rutland, 25 March 2026; 041aa7a85390 and ae654112eac0 in 7.1",
        what: "interrupts are masked, prepare, everything is masked, restore",
        departs: &[27],
        design: |family| linux::<SplitAbort, SplitIrq>(family),
    },
    Alternative {
        name: "shipped",
        origin: "this project",
        what: "everything is masked, look; only if there is work: open, prepare, mask, look again; restore",
        departs: &[],
        design: |family| with_handlers::<ShippedAbort, ShippedIrq>(shipped(family)),
    },
];

fn with_handlers<Abort, Irq>(design: Design) -> Design
where
    Abort: Handler<Class = El1Abort>,
    Irq: Handler<Class = El1Irq>,
{
    let mut design = design;
    design.el1[0] = kernel_abort::<Abort>(design.family).el1[0];
    design.el1[1] = kernel_irq::<Irq>(design.family).el1[1];
    design
}

/// With Linux's exit to user mode, which looks with interrupts masked and masks the rest then. An exit that does so breaks no more than
/// this project's own order, so it is not held to that.
fn linux<Abort, Irq>(family: Family) -> Design
where
    Abort: Handler<Class = El1Abort>,
    Irq: Handler<Class = El1Irq>,
{
    with_handlers::<Abort, Irq>(Design { looks_with: I | F, ..user_svc::<SplitSvc>(family) })
}

/// The model takes a mask of everything for the end of a round of the exit's loop. Here it has to be told.
fn round_is_over() {
    with(|world| world.top().in_round = false);
}

/// Preemption where the masks are: nothing is opened for it.
fn preempt_here<X: Class>(frame: &Frame, idle: bool) {
    while forge::irqs_were_on::<K>(frame) && !idle && look().wants_preemption() {
        schedule(Why::KernelExit(X::NAME));
        round_is_over();
    }
}

/// What an interrupt's handler leaves: back on the task's stack, with interrupts masked and the rest open.
fn handled_in_no_irq(x: At<'_, El1Irq, Entered>) -> At<'_, El1Irq, Masked> {
    let x = handled(x);
    forge::lower::<P, Critical, NoIrq>();
    x
}

/// Everything is masked that is not.
fn mask_rest<'f, X: Class, S: vestibule::Stage>(x: At<'f, X, S>) -> At<'f, X, Ready> {
    forge::mask::<P, NoIrq>();
    forge::at(x)
}

/// `local_irq_disable()`, if the interrupted code had interrupts on.
fn mask_irqs(frame: &Frame) {
    if forge::irqs_were_on::<K>(frame) {
        forge::mask_irqs::<K>();
    }
}

/// The hook at entry: SError and debug exceptions as they were interrupted. Interrupts are the class's to decide on, later.
fn open_all_but_irqs(frame: &Frame) {
    let masked = (Simulated::read(&frame.pstate) >> 6) as u8;
    // SAFETY: not what the token says; that is the alternative.
    unsafe {
        match (masked & D, masked & A) {
            (0, 0) => Simulated::daif_clear::<0b1100>(),
            (0, _) => Simulated::daif_clear::<0b1000>(),
            _ => {}
        }
    }
}

fn refuses() -> bool {
    Simulated::daif() & u64::from(D | A) << 6 != 0
}

/// 6.18's exit with the test of 2371bd83b3df.
fn preempt_unless_masked<X: Class>(frame: &Frame, idle: bool) {
    if !refuses() {
        preempt_here::<X>(frame, idle);
    }
}

handlers! {
    ShippedAbort for El1Abort = |taken| taken.enter().open().run(abort_that_wakes).mask().prepare().restore();
    ShippedIrq for El1Irq = |taken| handled(taken.enter()).prepare().restore();

    PrivateAbort for El1Abort = |taken| {
        let x = taken.enter().open().run(abort_that_wakes).mask();
        let x: At<'_, _, Ready> = forge::at(x);
        x.restore()
    };
    PrivateIrq for El1Irq = |taken| {
        let x = handled_in_no_irq(taken.enter());
        let x: At<'_, _, Masked> = between(x, |frame, idle| preempt_here::<El1Irq>(frame, *idle));
        mask_rest(x).restore()
    };

    HookedAbort for El1Abort = |taken| {
        let x: At<'_, _, vestibule::Open<Inherit>> = between(taken.enter(), |frame, _| {
            open_all_but_irqs(frame);
            if forge::irqs_were_on::<K>(frame) {
                forge::open_irqs::<K>();
            }
        });
        let x = x.run(abort_that_wakes);
        let x: At<'_, _, Ran<Inherit>> = between(x, |frame, idle| {
            mask_irqs(frame);
            preempt_here::<El1Abort>(frame, *idle);
        });
        mask_rest(x).restore()
    };
    HookedIrq for El1Irq = |taken| {
        let x: At<'_, _, Entered> = between(taken.enter(), |frame, _| open_all_but_irqs(frame));
        B::mask::<NoIrq>(forge::step());
        let x = handled_in_no_irq(x);
        let x: At<'_, _, Masked> = between(x, |frame, idle| preempt_here::<El1Irq>(frame, *idle));
        mask_rest(x).restore()
    };

    RefusingAbort for El1Abort = |taken| {
        let x = taken.enter().open().run(abort_that_wakes).mask();
        let x: At<'_, _, Ready> = between(x, |frame, idle| preempt_unless_masked::<El1Abort>(frame, *idle));
        x.restore()
    };
    RefusingIrq for El1Irq = |taken| {
        let x = handled_in_no_irq(taken.enter());
        let (frame, idle) = forge::parts(x);
        preempt_unless_masked::<El1Irq>(frame, idle);
        undo::<El1Irq>(idle, forge::irqs_were_on::<K>(frame));
        B::mask::<NoIrq>(forge::step());
        forge::restored(frame)
    };

    SplitAbort for El1Abort = |taken| {
        let x = taken.enter().open().run(abort_that_wakes);
        let x: At<'_, _, Ran<Inherit>> = between(x, |frame, idle| {
            mask_irqs(frame);
            preempt_here::<El1Abort>(frame, *idle);
        });
        mask_rest(x).restore()
    };
    SplitIrq for El1Irq = |taken| {
        let x = handled_in_no_irq(taken.enter());
        let x: At<'_, _, Masked> = between(x, |frame, idle| preempt_here::<El1Irq>(frame, *idle));
        mask_rest(x).restore()
    };

    SplitSvc for El0Svc = |taken| {
        let x = taken.enter().open().trace_entry().call(K::syscall).trace_exit();
        let x: At<'_, _, Ran<Process>> = between(x, |frame, ()| {
            forge::mask_irqs::<K>();
            loop {
                let work = look().work();
                if !work.any_of(WORK) {
                    return;
                }
                if work.any_of(SCHEDULE) {
                    schedule(Why::UserExit);
                }
                if work.any_of(Flags::SIGNAL.and(Flags::NOTIFY_RESUME).and(Flags::OTHER)) {
                    forge::open_irqs::<K>();
                    user_work(work, frame);
                    forge::mask_irqs::<K>();
                }
                round_is_over();
            }
        });
        mask_rest(x).restore()
    };
}

/// What is measured: its name, and a program that takes it.
type Path = (&'static str, fn(Family));

pub(super) const PATHS: &[Path] = &[
    ("abort", |_| super::program::kernel(Exception::DataAbort, None)),
    ("abort, preempted", |_| super::program::kernel(Exception::DataAbort, Some(Flags::RESCHED))),
    ("interrupt", |_| super::program::kernel(Exception::Irq, None)),
    ("interrupt, preempted", |_| super::program::kernel(Exception::Irq, Some(Flags::RESCHED))),
    ("system call", |_| super::program::user(Exception::Svc, None)),
    ("system call, rescheduled", |_| super::program::user(Exception::Svc, Some(Flags::RESCHED))),
    ("system call, signal", |_| super::program::user(Exception::Svc, Some(Flags::SIGNAL))),
];

/// Writes of the masks between the vector and the return, with nothing else coming: bodies write nothing then. `None`: the path
/// breaks a constraint.
pub(super) fn writes(alternative: &Alternative, program: fn(Family)) -> Option<usize> {
    let design = Design { program, ..(alternative.design)(Family::User) };
    let limits = Limits { events: Events::ALL, budget: Some(0), reductions: Reductions::None };
    let (end, steps) = replay(design, limits, &[]);
    let is_write = |op: Op| matches!(op, Op::DaifSet(_) | Op::DaifClear(_) | Op::WriteDaif(_));
    let writes = steps.iter().filter(|step| step.depth > 0 && is_write(step.op)).count();
    (end == Some(End::Done)).then_some(writes)
}
