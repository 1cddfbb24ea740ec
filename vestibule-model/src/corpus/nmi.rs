//! What may come in the middle of anything, and does not leave it as it was.

use vestibule::{
    Accounting, ContextTracking, Critical, Entered, Error, IrqTracing, Masks, Open, Ready, Taken, Why, forge,
};
use vestibule_arm64::classes::{El1Brk, El1Serror};
use vestibule_arm64::entry::{self, forge as port};
use vestibule_arm64::{Bodies, Frame};

use super::Variant;
use super::parts::{
    At, B, K, P, Tracing, Tracking, between, handlers, kernel_brk, kernel_serror, look, schedule, shipped, unentered,
};
use crate::design::Design;
use crate::family::Family;

pub(super) const VARIANTS: &[Variant] = &[
    Variant {
        name: "idle-tracers-first",
        origin: "Linux in 2020: entries from idle ran lockdep and tracing before RCU watched; 9d820f68b2bd",
        change: "el1_serror tells the tracers before somebody watches, also where it came in the idle task's wait",
        expects: &[80],
        families: &[Family::Idle],
        design: kernel_serror::<IdleTracersFirst>,
    },
    Variant {
        name: "serror-not-watched",
        origin: "plausible: irqentry_nmi_enter() without ct_nmi_enter()",
        change: "el1_serror does not tell context tracking",
        expects: &[69, 80],
        families: &[Family::Idle],
        design: kernel_serror::<SerrorNotWatched>,
    },
    Variant {
        name: "serror-loses-belief",
        origin: "Linux 6.12 to 7.3 as read: local_daif_restore(DAIF_ERRCTX) tells lockdep off before irqentry_nmi_enter() saves it",
        change: "el1_serror saves what tracing believes after it has said that interrupts are off",
        expects: &[77],
        families: &[Family::Kernel],
        design: kernel_serror::<SerrorLosesBelief>,
    },
    Variant {
        name: "serror-opens-first",
        origin: "Linux 6.12 to 7.3: el1h_64_error_handler() writes DAIF before irqentry_nmi_enter()",
        change: "el1_serror opens debug exceptions before its entry step",
        expects: &[22],
        families: &[Family::Kernel],
        design: kernel_serror::<SerrorOpensFirst>,
    },
    Variant {
        name: "serror-counts-late",
        origin: "plausible: irqentry_nmi_enter() with __nmi_enter() after ct_nmi_enter()",
        change: "el1_serror tells context tracking, and counts then",
        expects: &[81],
        families: &[Family::Kernel],
        design: kernel_serror::<SerrorCountsLate>,
    },
    Variant {
        name: "serror-preempts",
        origin: "the thread, 20 March 2026: why are NMI-like exceptions routed through irqentry_enter() and irqentry_exit()",
        change: "el1_serror prepares when its accounting is undone",
        expects: &[84],
        families: &[Family::Kernel],
        design: kernel_serror::<SerrorPreempts>,
    },
    Variant {
        name: "brk-preempts",
        origin: "plausible: debug_exception_exit() with preempt_enable() for preempt_enable_no_resched()",
        change: "el1_brk prepares when its accounting is undone",
        expects: &[35],
        families: &[Family::Kernel],
        design: kernel_brk::<BrkPreempts>,
    },
    Variant {
        name: "brk-counts-late",
        origin: "plausible: debug_exception_enter() after arm64_enter_el1_dbg() without the debug exception's own count",
        change: "el1_brk tells context tracking, and counts then",
        expects: &[72],
        families: &[Family::Kernel],
        design: kernel_brk::<BrkCountsLate>,
    },
    Variant {
        name: "brk-loses-belief",
        origin: "Linux before 5.10: debug exceptions left lockdep 'off'; 2a9b3e6ac69a",
        change: "el1_brk does not put back what tracing believed",
        expects: &[77],
        families: &[Family::Kernel],
        design: kernel_brk::<BrkLosesBelief>,
    },
    Variant {
        name: "brk-ends-preparation",
        origin: "plausible: lockdep_hardirqs_off() without the test for what it said before",
        change: "el1_brk says that interrupts are off to whoever had been told that they are about to be on",
        expects: &[77],
        families: &[Family::Kernel],
        design: kernel_brk::<BrkEndsPreparation>,
    },
    Variant {
        name: "overflow-not-counted",
        origin: "plausible: handle_bad_stack() without irqentry_nmi_enter()",
        change: "a full stack is reported without counting as NMI-like",
        expects: &[87],
        families: &[Family::Overflow],
        design: overflow_not_counted,
    },
    Variant {
        name: "overflow-old-syndrome",
        origin: "what this library did; handle_bad_stack() in Linux, too, reads ESR and FAR whatever came",
        change: "a full stack that an interrupt finds is reported with the ESR of an earlier exception",
        expects: &[4],
        families: &[Family::Overflow],
        design: |family| Design { overflow: [entry::stack_overflow::<P, true>; 2], ..shipped(family) },
    },
    Variant {
        name: "overflow-opens",
        origin: "plausible: handle_bad_stack() with local_daif_restore(DAIF_ERRCTX)",
        change: "a full stack is reported with debug exceptions open",
        expects: &[111],
        families: &[Family::Overflow],
        design: |family| Design { overflow: [opens_and_reports; 2], ..shipped(family) },
    },
];

fn irq_enter() {
    <Tracking as ContextTracking<K>>::irq_enter(forge::step());
}

fn tell_off() {
    <Tracing as IrqTracing<K>>::off(forge::step());
}

fn tell_off_finish() {
    <Tracing as IrqTracing<K>>::off_finish(forge::step());
}

fn believed() -> bool {
    <Tracing as IrqTracing<K>>::believes_on()
}

/// What is common to the exits of both: accounting undone, and the look that is not theirs.
fn preempts_after<X>(x: At<'_, X, Ready>) -> vestibule::Restored<'_, P, X>
where
    X: vestibule::Class<Counts: Accounting<Noted = bool>>,
{
    let (frame, believed) = forge::parts(x);
    X::Counts::undo::<K>(&forge::cpu(), believed, forge::irqs_were_on::<K>(frame), forge::step());
    if believed {
        tell_off();
    }
    while believed && look().wants_preemption() {
        schedule(Why::KernelExit(X::NAME));
    }
    if believed {
        <Tracing as IrqTracing<K>>::on_prepare(forge::step());
        <Tracing as IrqTracing<K>>::on(forge::step());
    }
    forge::restored(frame)
}

handlers! {
    IdleTracersFirst for El1Serror = |taken| {
        let x: At<'_, _, Entered> = unentered(taken, |_| {
            let believed = believed();
            forge::count::<K>(forge::Unit::NmiLike);
            tell_off();
            tell_off_finish();
            irq_enter();
            believed
        });
        x.open().run(port::serror).mask().restore()
    };

    SerrorNotWatched for El1Serror = |taken| {
        let x: At<'_, _, Entered> = unentered(taken, |_| {
            let believed = believed();
            forge::count::<K>(forge::Unit::NmiLike);
            tell_off();
            believed
        });
        x.open().run(port::serror).mask().restore()
    };

    SerrorLosesBelief for El1Serror = |taken| {
        let x = taken.enter();
        let x: At<'_, _, Entered> = between(x, |_, noted| *noted = believed());
        x.open().run(port::serror).mask().restore()
    };

    SerrorOpensFirst for El1Serror = |taken| {
        B::lower::<Critical, Error>(forge::step());
        let x = unentered(taken, |frame| {
            <El1Serror as vestibule::Class>::Counts::note::<K>(&forge::cpu(), frame, forge::step())
        });
        let x: At<'_, _, Open<Error>> = forge::at(x);
        x.run(port::serror).mask().restore()
    };

    SerrorCountsLate for El1Serror = |taken| {
        let x: At<'_, _, Entered> = unentered(taken, |_| {
            let believed = believed();
            tell_off();
            irq_enter();
            tell_off_finish();
            forge::count::<K>(forge::Unit::NmiLike);
            believed
        });
        x.open().run(port::serror).mask().restore()
    };

    SerrorPreempts for El1Serror = |taken| preempts_after(taken.enter().open().run(port::serror).mask());

    BrkPreempts for El1Brk = |taken| preempts_after(taken.enter().open().run(K::kernel_brk).mask());

    BrkCountsLate for El1Brk = |taken| {
        let x: At<'_, _, Entered> = unentered(taken, |_| {
            let believed = believed();
            tell_off();
            irq_enter();
            tell_off_finish();
            forge::count::<K>(forge::Unit::Preempt);
            believed
        });
        x.open().run(K::kernel_brk).mask().restore()
    };

    BrkLosesBelief for El1Brk = |taken| {
        let x = taken.enter().open().run(K::kernel_brk).mask();
        let x: At<'_, _, Ready> = between(x, |_, believed| *believed = false);
        x.restore()
    };

    BrkEndsPreparation for El1Brk = |taken| {
        let x: At<'_, _, Entered> = between(taken.enter(), |_, _| <Tracing as IrqTracing<K>>::off(forge::step()));
        x.open().run(K::kernel_brk).mask().restore()
    };
}

unsafe extern "C" fn reports_at_once(frame: &mut Frame) {
    port::capture::<P>(frame);
    port::capture_syndrome::<P>(frame);
    K::die(port::dying(), "kernel stack overflow", frame)
}

unsafe extern "C" fn opens_and_reports(frame: &mut Frame) {
    port::capture::<P>(frame);
    port::capture_syndrome::<P>(frame);
    port::take(frame, |taken: Taken<'_, P, El1Serror>| {
        let x = taken.enter();
        B::lower::<Critical, Error>(forge::step());
        K::die(port::dying(), "kernel stack overflow", x.frame())
    });
}

fn overflow_not_counted(family: Family) -> Design {
    Design { overflow: [reports_at_once; 2], ..shipped(family) }
}
