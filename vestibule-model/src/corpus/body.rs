//! What the body runs in: masks, stack, counts.

use vestibule::{
    Atomic, Context, Critical, Error, Fixed, Hardirq, Inherit, Masks, NoIrq, NoNmi, Open, Process, Ran, Softirqs, Step,
    forge,
};
use vestibule_arm64::classes::{El0Serror, El1Abort, El1Brk, El1Irq, El1Serror};
use vestibule_arm64::entry::forge as port;
use vestibule_arm64::{Bodies, Frame, Hardware, InterruptController, Irq};

use super::Variant;
use super::parts::{
    At, B, Controller, K, Mixed, P, between, handled_but_not_ended, handlers, kernel_abort, kernel_brk, kernel_irq,
    kernel_serror, opened_for, ran, ran_by, user_serror,
};
use crate::design::Design;
use crate::family::Family;
use crate::hardware::Simulated;
use crate::kernel::Chooses;

pub(super) const VARIANTS: &[Variant] = &[
    Variant {
        name: "fault-runs-masked",
        origin: "LoongArch in 2024: the alignment handler ran with interrupts off in code that had them on",
        change: "el1_abort's body runs in NoIrq, whatever was interrupted",
        expects: &[6],
        families: &[Family::Kernel],
        design: kernel_abort::<FaultRunsMasked>,
    },
    Variant {
        name: "fault-opens-everything",
        origin: "plausible: local_irq_enable() in a fault handler without a look at the interrupted context",
        change: "el1_abort's body runs with everything open, whatever was interrupted",
        expects: &[6, 23],
        families: &[Family::IrqsOff],
        design: kernel_abort::<FaultOpensEverything>,
    },
    Variant {
        name: "brk-opens",
        origin: "plausible; why el1_dbg() never unmasks (2a9b3e6ac69a)",
        change: "el1_brk opens SError and debug exceptions for its body",
        expects: &[10],
        families: &[Family::Kernel],
        design: kernel_brk::<BrkOpens>,
    },
    Variant {
        name: "handler-opens-irqs",
        origin: "what genirq's 'handler enabled interrupts' warns of",
        change: "el1_irq's handler comes back with interrupts open",
        expects: &[25],
        families: &[Family::Kernel],
        design: kernel_irq::<HandlerOpensIrqs>,
    },
    Variant {
        name: "handler-on-task-stack",
        origin: "plausible: call_on_irq_stack() left out",
        change: "el1_irq's handler runs on the interrupted task's stack",
        expects: &[108],
        families: &[Family::Kernel],
        design: kernel_irq::<HandlerOnTaskStack>,
    },
    Variant {
        name: "stack-moves-open",
        origin: "Linux until 2025: call_on_irq_stack() moved SP with only interrupts masked; d42e6c20de61",
        change: "el1_irq opens to NoIrq before it goes to the interrupt stack",
        expects: &[109],
        families: &[Family::Kernel],
        design: kernel_irq::<StackMovesOpen>,
    },
    Variant {
        name: "handler-not-counted",
        origin: "plausible: a handler called without irq_enter_rcu()",
        change: "el1_irq's handler does not count as one",
        expects: &[117],
        families: &[Family::Kernel],
        design: kernel_irq::<HandlerNotCounted>,
    },
    Variant {
        name: "softirqs-while-counting",
        origin: "plausible: irq_exit() with invoke_softirq() before preempt_count_sub(HARDIRQ_OFFSET)",
        change: "el1_irq runs soft interrupts while the handler still counts",
        expects: &[118],
        families: &[Family::Kernel],
        design: kernel_irq::<SoftirqsWhileCounting>,
    },
    Variant {
        name: "softirqs-end-open",
        origin: "plausible: handle_softirqs() without the local_irq_disable() before softirq_handle_end()",
        change: "el1_irq ends the soft interrupts' count with interrupts open",
        expects: &[119],
        families: &[Family::Kernel],
        design: kernel_irq::<SoftirqsEndOpen>,
    },
    Variant {
        name: "softirqs-before-eoi",
        origin: "plausible: a driver that ends interrupts late",
        change: "el1_irq runs soft interrupts, and only then tells the interrupt controller that the interrupt is over",
        expects: &[118],
        families: &[Family::Kernel],
        design: kernel_irq::<SoftirqsBeforeEoi>,
    },
    Variant {
        name: "handler-without-isb",
        origin: "Linux until 5.19: handlers of pseudo-NMIs read old PMU registers; adf14453d2c0, 6efb50923771",
        change: "el1_irq acknowledges the interrupt and handles it, with no ISB between",
        expects: &[96],
        families: &[Family::Kernel],
        design: kernel_irq::<HandlerWithoutIsb>,
    },
    Variant {
        name: "user-serror-not-counted",
        origin: "plausible: __el0_error_handler_common() without irqentry_nmi_enter()",
        change: "el0_serror runs the error's body without counting it as NMI-like",
        expects: &[81],
        families: &[Family::User],
        design: user_serror::<UserSerrorNotCounted>,
    },
    Variant {
        name: "user-serror-kills-masked",
        origin: "plausible: force_sig_fault() in do_serror(), between irqentry_nmi_enter() and irqentry_nmi_exit()",
        change: "el0_serror ends its task before its context has opened",
        expects: &[7],
        families: &[Family::User],
        design: user_serror::<UserSerrorKillsMasked>,
    },
    Variant {
        name: "serror-by-type-alone",
        origin: "plausible: arm64_is_fatal_ras_serror() without arm64_is_ras_serror() before it",
        change: "el1_serror's body goes by the type of the error, where the syndrome is the maker's or says nothing too",
        expects: &[129],
        families: &[Family::Kernel],
        design: kernel_serror::<SerrorByType>,
    },
    Variant {
        name: "user-serror-goes-on",
        origin: "plausible: do_serror() that comes back from every error that it does not panic for",
        change: "el0_serror's task goes on after an error that it cannot go on after",
        expects: &[27],
        families: &[Family::User],
        design: user_serror::<UserSerrorGoesOn>,
    },
    Variant {
        name: "mask-in-two-writes",
        origin: "plausible: a backend of two registers, closed in the wrong order",
        change: "the backend masks SError and debug exceptions first, and interrupts with a second write",
        expects: &[5],
        families: &[Family::Kernel],
        design: Design::of::<Mixed<TwoWrites, K>>,
    },
    Variant {
        name: "mask-forgets-fiq",
        origin: "Linux on arm64 before 5.13: local_irq_disable() masked I alone",
        change: "the backend's mask leaves F open",
        expects: &[5],
        families: &[Family::Kernel],
        design: Design::of::<Mixed<NoFiq, K>>,
    },
];

fn runs_softirqs() {
    if <Chooses as Softirqs<K>>::pending(&forge::cpu()) {
        forge::count::<K>(forge::Unit::Softirq);
        forge::open_irqs::<K>();
        let _back = <Chooses as Softirqs<K>>::run(forge::cpu::<K, Atomic>());
        forge::uncount::<K>(forge::Unit::Softirq);
        forge::mask_irqs::<K>();
    }
}

handlers! {
    FaultRunsMasked for El1Abort = |taken| {
        let x: At<'_, _, Open<Inherit>> = between(taken.enter(), |_, _| forge::lower::<P, Critical, NoIrq>());
        let x = x.run(K::kernel_abort);
        let x = between(x, |_, _| forge::mask::<P, NoIrq>());
        let x: At<'_, _, vestibule::Masked> = x;
        x.prepare().restore()
    };

    FaultOpensEverything for El1Abort = |taken| {
        let x: At<'_, _, Open<Inherit>> = between(taken.enter(), |_, _| forge::lower::<P, Critical, Process>());
        let x = x.run(K::kernel_abort);
        let x: At<'_, _, vestibule::Masked> = between(x, |_, _| forge::mask::<P, Process>());
        x.prepare().restore()
    };

    BrkOpens for El1Brk = |taken| {
        let x: At<'_, _, Open<Critical>> = between(taken.enter(), |_, _| forge::lower::<P, Critical, NoIrq>());
        let x = x.run(K::kernel_brk);
        let x = between(x, |_, _| forge::mask::<P, NoIrq>());
        let x: At<'_, _, Ran<Critical>> = x;
        x.mask().restore()
    };

    HandlerOpensIrqs for El1Irq = |taken| {
        let x = taken.enter();
        let x = x.on_irq_stack(|x| {
            let x = ran_by(x.open(), |cpu, number, frame| {
                let cpu = port::interrupt::<K, Irq>(cpu, number, frame);
                forge::open_irqs::<K>();
                cpu
            });
            x.mask()
        });
        x.prepare().restore()
    };

    HandlerOnTaskStack for El1Irq = |taken| {
        let x: At<'_, _, vestibule::OnIrqStack> = forge::at(taken.enter());
        ran(x.open()).mask().prepare().restore()
    };

    StackMovesOpen for El1Irq = |taken| {
        let x = taken.enter();
        let x = between(x, |_, _| forge::lower::<P, Critical, NoIrq>());
        let x: At<'_, _, vestibule::Entered> = x;
        let x = x.on_irq_stack(|x| {
            let x: At<'_, _, Open<NoNmi>> = forge::at(x);
            forge::at(ran(x))
        });
        forge::mask::<P, NoIrq>();
        x.prepare().restore()
    };

    HandlerNotCounted for El1Irq = |taken| {
        let x = taken.enter();
        let x = x.on_irq_stack(|x| {
            let (x, number) = opened_for(x.open());
            let x: At<'_, _, Ran<Hardirq>> = between(x, |frame, _| {
                let _back = port::interrupt::<K, Irq>(forge::cpu(), number, frame);
            });
            x.mask()
        });
        x.prepare().restore()
    };

    SoftirqsWhileCounting for El1Irq = |taken| {
        let x = taken.enter();
        let x = x.on_irq_stack(|x| {
            let x = ran_by(x.open(), |cpu, number, frame| {
                let cpu = port::interrupt::<K, Irq>(cpu, number, frame);
                if <Chooses as Softirqs<K>>::pending(&forge::cpu()) {
                    forge::count::<K>(forge::Unit::Softirq);
                    forge::open_irqs::<K>();
                    let _back = <Chooses as Softirqs<K>>::run(forge::cpu::<K, Atomic>());
                    forge::mask_irqs::<K>();
                    forge::uncount::<K>(forge::Unit::Softirq);
                }
                cpu
            });
            x.mask()
        });
        x.prepare().restore()
    };

    SoftirqsEndOpen for El1Irq = |taken| {
        let x = taken.enter();
        let x = x.on_irq_stack(|x| {
            let (x, number) = opened_for(x.open());
            let x: At<'_, _, Ran<Hardirq>> = between(x, |frame, _| {
                forge::count::<K>(forge::Unit::Hardirq);
                let _back = port::interrupt::<K, Irq>(forge::cpu(), number, frame);
                if !forge::uncount::<K>(forge::Unit::Hardirq).in_interrupt() {
                    runs_softirqs();
                }
            });
            x.mask()
        });
        x.prepare().restore()
    };

    SoftirqsBeforeEoi for El1Irq = |taken| {
        let x = taken.enter();
        let x = x.on_irq_stack(|x| {
            let mut acknowledged = None;
            let x = ran_by(x.open(), |cpu, number, frame| {
                acknowledged = number;
                handled_but_not_ended(cpu, number, frame)
            });
            acknowledged.into_iter().for_each(Controller::end::<Irq>);
            x.mask()
        });
        x.prepare().restore()
    };

    HandlerWithoutIsb for El1Irq = |taken| {
        let x = taken.enter();
        let x = x.on_irq_stack(|x| {
            let (x, number) = x.open().acknowledge(|_| Controller::acknowledge::<Irq>(), port::nmi::<K, Irq>);
            x.then().run_hardirq(|cpu, frame| port::interrupt::<K, Irq>(cpu, number, frame)).mask()
        });
        x.prepare().restore()
    };

    SerrorByType for El1Serror = |taken| {
        let x = taken.enter().open().run(|cpu, frame| {
            const CORRECTED: u64 = 0b110;
            if frame.syndrome >> 10 & 0b111 == CORRECTED { K::serror_corrected(cpu, frame) } else { port::serror(cpu, frame) }
        });
        x.mask().restore()
    };

    UserSerrorGoesOn for El0Serror = |taken| {
        let x = taken.enter().open().run_nmi(port::user_serror);
        x.then().run(|cpu, _| cpu).mask().prepare().restore()
    };

    UserSerrorKillsMasked for El0Serror = |taken| {
        let x = taken.enter().open().run_nmi(|cpu, frame| {
            let cpu = port::user_serror(cpu, frame);
            let _back = port::user_serror_opened::<K>(forge::cpu(), frame);
            cpu
        });
        x.then().run(|cpu, _| cpu).mask().prepare().restore()
    };

    UserSerrorNotCounted for El0Serror = |taken| {
        let x = taken.enter();
        let x: At<'_, _, Ran<Error>> = between(x.open(), |frame, ()| {
            let _back = port::user_serror::<K>(forge::cpu(), frame);
        });
        x.then().run(port::user_serror_opened).mask().prepare().restore()
    };
}

/// A backend that does as the shipped one, but for the mask.
macro_rules! masks {
    ($name:ident, $($bits:literal)*) => {
        enum $name {}
        impl Masks for $name {
            type Frame = Frame;
            fn lower<From: Fixed, To: Fixed>(_: Step<Self>) {
                B::lower::<From, To>(forge::step());
            }
            fn inherit(frame: &Frame, _: Step<Self>) {
                B::inherit(frame, forge::step());
            }
            fn mask<From: Context>(_: Step<Self>) {
                // SAFETY: not what the token says; that is the variant.
                unsafe { $(Simulated::daif_set::<$bits>();)* }
            }
        }
    };
}
masks!(TwoWrites, 0b1100 0b0011);
masks!(NoFiq, 0b1110);
