//! What the exit looks for, when, and what it does then.

use vestibule::{
    Critical, Flags, Hardirq, Masked, NoIrq, Prepares, Process, Ran, Ready, Regular, UserWork, Why, forge,
};
use vestibule_arm64::classes::{El0Irq, El0Svc, El1Abort, El1Irq};
use vestibule_arm64::entry::forge as port;
use vestibule_arm64::{Bodies, InterruptController, Irq};

use super::Variant;
use super::parts::{
    At, Controller, K, P, SCHEDULE, WORK, abort_that_wakes, between, carries, handled, handled_but_not_ended, handlers,
    kernel_abort, kernel_irq, look, opened_for, preempt, ran, ran_by, schedule, user_irq, user_svc, user_work, wakes,
};
use crate::design::Design;
use crate::family::Family;
use crate::kernel::Chooses;

pub(super) const VARIANTS: &[Variant] = &[
    Variant {
        name: "preempt-all-masked",
        origin: "Linux 6.18 to 7.0: 99eb057ccd67 moved preemption behind the mask, 2371bd83b3df and ae654112eac0 fixed it",
        change: "el1_abort preempts after everything is masked, and does not open to NoIrq for it",
        expects: &[29],
        families: &[Family::Kernel],
        design: kernel_abort::<PreemptAllMasked>,
    },
    Variant {
        name: "preempt-irqs-off",
        origin: "plausible; what regs_irqs_disabled() keeps from happening in irqentry_exit()",
        change: "el1_abort preempts whether or not the interrupted code had interrupts on",
        expects: &[30],
        families: &[Family::IrqsOff],
        design: kernel_abort::<PreemptIrqsOff>,
    },
    Variant {
        name: "preempt-idle",
        origin: "plausible; what the early return for RCU's idle case keeps from happening in irqentry_exit()",
        change: "el1_irq prepares as if a task had been interrupted, also if it was the idle task",
        expects: &[31],
        families: &[Family::Idle],
        design: kernel_irq::<PreemptIdle>,
    },
    Variant {
        name: "lazy-preempts",
        origin: "plausible since 7c70cb94d29c, the lazy preemption model: the kernel's exit asks for either flag",
        change: "el1_irq preempts if a reschedule is wanted lazily",
        expects: &[33],
        families: &[Family::Kernel, Family::Handler],
        design: kernel_irq::<LazyPreempts>,
    },
    Variant {
        name: "look-once",
        origin: "plausible: raw_irqentry_exit_cond_resched() relies on the loop in preempt_schedule_irq()",
        change: "el1_abort looks once: what the scheduler itself wakes waits until something else comes",
        expects: &[32],
        families: &[Family::Kernel],
        design: kernel_abort::<LookOnceKernel>,
    },
    Variant {
        name: "fault-never-preempts",
        origin: "Linux on arm64 before 6.18: only interrupts preempted; the thread settled that every exception does",
        change: "el1_abort does not prepare, though its body wakes a task",
        expects: &[32],
        families: &[Family::Kernel],
        design: kernel_abort::<FaultNeverPreempts>,
    },
    Variant {
        name: "look-open",
        origin: "the oldest mistake of exit paths; what 'interrupts off, then read the flags' is for",
        change: "el0_svc looks for work with everything open, and masks then",
        expects: &[52],
        families: &[Family::User, Family::Copy],
        design: looks_open,
    },
    Variant {
        name: "look-once-user",
        origin: "plausible: the work loop of exit_to_user_mode_loop() as a single pass",
        change: "el0_svc does the work that it finds once, and does not look again",
        expects: &[52],
        families: &[Family::User, Family::Copy],
        design: user_svc::<LookOnce>,
    },
    Variant {
        name: "work-irqs-off",
        origin: "plausible: the loop's local_irq_enable_exit_to_user() (22f66e7ef4ce) left out",
        change: "el0_svc runs the user's work with interrupts off",
        expects: &[52],
        families: &[Family::User],
        design: user_svc::<WorkIrqsOff>,
    },
    Variant {
        name: "work-order",
        origin: "plausible: exit_to_user_mode_loop() with its ifs in another order",
        change: "el0_svc does the kernel's own work before it notifies",
        expects: &[54],
        families: &[Family::User, Family::Copy],
        design: user_svc::<WorkOrder>,
    },
    Variant {
        name: "preempt-before-eoi",
        origin: "plausible: a driver that ends interrupts late",
        change: "el1_irq prepares, and only then tells the interrupt controller that the interrupt is over",
        expects: &[117],
        families: &[Family::Kernel],
        design: kernel_irq::<PreemptBeforeEoi>,
    },
    Variant {
        name: "look-while-counting",
        origin: "plausible: irq_exit() after the exit's preemption",
        change: "el1_irq takes its count back after it has prepared, so that the look finds preemption forbidden",
        expects: &[38],
        families: &[Family::Kernel],
        design: kernel_irq::<LookWhileCounting>,
    },
    Variant {
        name: "prepare-on-irq-stack",
        origin: "plausible; what DEBUG_ENTRY's check of the stack in irqentry_exit_cond_resched() is for",
        change: "el1_irq prepares before it is back on the task's stack",
        expects: &[126],
        families: &[Family::Kernel],
        design: kernel_irq::<PrepareOnIrqStack>,
    },
    Variant {
        name: "user-look-on-irq-stack",
        origin: "plausible, as prepare-on-irq-stack, on the way to user mode",
        change: "el0_irq prepares before it is back on the task's stack",
        expects: &[34],
        families: &[Family::User],
        design: user_irq::<UserLookOnIrqStack>,
    },
];

fn looks_open(family: Family) -> Design {
    // The rule that a look wants everything masked is what this variant is without: it must be caught by what comes of it.
    Design { looks_with: 0, ..user_svc::<LooksOpen>(family) }
}

handlers! {
    PreemptAllMasked for El1Abort = |taken| {
        let x = taken.enter().open().run(K::kernel_abort).mask();
        let x: At<'_, _, Ready> = between(x, |frame, idle| {
            while forge::irqs_were_on::<K>(frame) && !*idle && look().wants_preemption() {
                schedule(Why::KernelExit("el1_abort"));
            }
        });
        x.restore()
    };

    PreemptIrqsOff for El1Abort = |taken| {
        let x = taken.enter().open().run(K::kernel_abort).mask();
        let x: At<'_, _, Ready> = between(x, |_, idle| {
            while !*idle && look().wants_preemption() {
                preempt::<El1Abort>();
            }
        });
        x.restore()
    };

    PreemptIdle for El1Irq = |taken| {
        let x = handled(taken.enter());
        let x: At<'_, _, Ready> =
            between(x, |frame, _| Regular::prepare::<P, El1Irq>(&false, frame, forge::step()));
        x.restore()
    };

    LazyPreempts for El1Irq = |taken| {
        let x = handled(taken.enter());
        let x: At<'_, _, Ready> = between(x, |frame, idle| {
            let wanted = || {
                let word = look();
                word.is_preemptible() && word.work().any_of(SCHEDULE)
            };
            while forge::irqs_were_on::<K>(frame) && !*idle && wanted() {
                preempt::<El1Irq>();
            }
        });
        x.restore()
    };

    LookOnceKernel for El1Abort = |taken| {
        let x = taken.enter().open().run(abort_that_wakes).mask();
        let x: At<'_, _, Ready> = between(x, |frame, idle| {
            if forge::irqs_were_on::<K>(frame) && !*idle && look().wants_preemption() {
                forge::lower::<P, Critical, NoIrq>();
                schedule(Why::KernelExit("el1_abort"));
                wakes();
                carries(1);
                forge::mask::<P, NoIrq>();
            }
        });
        x.restore()
    };

    FaultNeverPreempts for El1Abort = |taken| {
        let x = taken.enter().open().run(abort_that_wakes).mask();
        let x: At<'_, _, Ready> = forge::at(x);
        x.restore()
    };

    LooksOpen for El0Svc = |taken| {
        let x = taken.enter().open().trace_entry().call(K::syscall).trace_exit();
        let work = look().work().any_of(WORK);
        carries(u64::from(work));
        let x = x.mask();
        if work {
            return x.prepare().restore();
        }
        let x: At<'_, _, Ready> = forge::at(x);
        x.restore()
    };

    LookOnce for El0Svc = |taken| {
        let x = taken.enter().open().trace_entry().call(K::syscall).trace_exit().mask();
        let x: At<'_, _, Ready> = between(x, |frame, ()| {
            let work = look().work();
            forge::lower::<P, Critical, NoIrq>();
            if work.any_of(SCHEDULE) {
                schedule(Why::UserExit);
            }
            forge::lower::<P, NoIrq, Process>();
            user_work(work, frame);
            carries(1);
            forge::mask::<P, Process>();
        });
        x.restore()
    };

    WorkIrqsOff for El0Svc = |taken| {
        let x = taken.enter().open().trace_entry().call(K::syscall).trace_exit().mask();
        let x: At<'_, _, Masked> = between(x, |frame, ()| {
            if look().work().any_of(Flags::SIGNAL) {
                forge::lower::<P, Critical, NoIrq>();
                let _back = Chooses::signal(forge::cpu::<K, Process>(), frame);
                carries(1);
                forge::mask::<P, NoIrq>();
            }
        });
        x.prepare().restore()
    };

    WorkOrder for El0Svc = |taken| {
        let x = taken.enter().open().trace_entry().call(K::syscall).trace_exit().mask();
        let x: At<'_, _, Masked> = between(x, |frame, ()| {
            let work = look().work();
            if work.any_of(Flags::OTHER) {
                forge::lower::<P, Critical, Process>();
                let cpu = Chooses::other(forge::cpu::<K, Process>(), frame);
                if work.any_of(Flags::NOTIFY_RESUME) {
                    let _back = Chooses::notify_resume(cpu, frame);
                }
                carries(1);
                forge::mask::<P, Process>();
            }
        });
        x.prepare().restore()
    };

    PreemptBeforeEoi for El1Irq = |taken| {
        let x = taken.enter();
        let mut acknowledged = None;
        let x = x.on_irq_stack(|x| {
            let x = ran_by(x.open(), |cpu, number, frame| {
                acknowledged = number;
                handled_but_not_ended(cpu, number, frame)
            });
            x.mask()
        });
        let x = x.prepare();
        acknowledged.into_iter().for_each(Controller::end::<Irq>);
        x.restore()
    };

    LookWhileCounting for El1Irq = |taken| {
        let x = taken.enter();
        let x = x.on_irq_stack(|x| {
            let (x, number) = opened_for(x.open());
            forge::count::<K>(forge::Unit::Hardirq);
            let x: At<'_, _, Ran<Hardirq>> = between(x, |frame, _| {
                let _back = port::interrupt::<K, Irq>(forge::cpu(), number, frame);
            });
            x.mask()
        });
        let x = x.prepare();
        forge::uncount::<K>(forge::Unit::Hardirq);
        x.restore()
    };

    PrepareOnIrqStack for El1Irq = |taken| {
        let x = taken.enter();
        let x = x.on_irq_stack(|x| {
            let x = ran(x.open()).mask();
            forge::at(x.prepare())
        });
        let x: At<'_, _, Ready> = forge::at(x);
        x.restore()
    };

    UserLookOnIrqStack for El0Irq = |taken| {
        let x = taken.enter();
        let x = x.on_irq_stack(|x| {
            let x = ran(x.open()).mask();
            forge::at(x.prepare())
        });
        let x: At<'_, _, Ready> = forge::at(x);
        x.restore()
    };
}
