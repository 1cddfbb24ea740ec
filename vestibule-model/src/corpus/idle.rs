//! The idle task's wait.

use vestibule::{ContextTracking, Cpu, Critical, Entered, IrqTracing, Machine, Masks, NoIrq, Process, Ready, forge};
use vestibule_arm64::Bodies;
use vestibule_arm64::classes::{El1Abort, El1Irq, El1Serror};
use vestibule_arm64::entry::forge as port;

use super::Variant;
use super::parts::{
    At, B, K, M, Tracing, Tracking, between, handled, handlers, kernel_abort, kernel_irq, kernel_serror, shipped,
    unentered,
};
use super::program::idles;
use crate::design::Design;
use crate::event::Exception;
use crate::family::Family;
use crate::observe::{Promise, within};
use crate::vector::take;
use crate::world::with;

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
    Variant {
        name: "idle-waits-masked",
        origin: "the neighbourhood of cpu_do_idle() with pseudo-NMIs, which opens the priority mask before it waits",
        change: "the idle task waits with everything masked",
        expects: &[98],
        families: &[Family::Idle],
        design: |family| Design { program: |_| idles(waits_masked), ..shipped(family) },
    },
    Variant {
        name: "idle-fault-sleeps",
        origin: "plausible: a fault handler that asks in_atomic(), which the idle task is not",
        change: "el1_abort may sleep wherever interrupts are on, also in the idle task",
        expects: &[71],
        families: &[Family::Idle],
        design: |family| Design { program: |_| idles(faults), ..kernel_abort::<MaySleep>(family) },
    },
    Variant {
        name: "idle-exit-sleeps",
        origin: "plausible; what the count of ct_irq_enter() is for: who nests is not who ends it",
        change: "el1_irq's exit to the idle task ends watching, also where its entry found it",
        expects: &[43, 67],
        families: &[Family::Idle],
        design: kernel_irq::<ExitSleeps>,
    },
    Variant {
        name: "idle-fault-wakes",
        origin: "plausible: irqentry_exit() that looks for exit_rcu only where interrupts were on",
        change: "el1_abort does not undo what its entry from the idle task's wait told context tracking",
        expects: &[44, 67],
        families: &[Family::Idle],
        design: |family| Design { program: |_| idles(faults_unwatched), ..kernel_abort::<ExitForgets>(family) },
    },
    // Two in which the idle task does as Linux's: it masks with raw_local_irq_disable(), which tracing does not hear of.
    Variant {
        name: "idle-watched-first",
        origin: "plausible: the first two steps of irqentry_nmi_enter() exchanged",
        change: "el1_serror is watched before tracing hears that interrupts are off",
        expects: &[16],
        families: &[Family::Idle],
        design: |family| Design { program: |_| idles(masks_quietly), ..kernel_serror::<WatchedFirst>(family) },
    },
    Variant {
        name: "idle-tracers-last",
        origin: "plausible: the first two steps of irqentry_nmi_exit() exchanged",
        change: "el1_serror's exit ends watching before the tracers were told",
        expects: &[43],
        families: &[Family::Idle],
        design: |family| Design { program: |_| idles(masks_quietly), ..kernel_serror::<TracersLast>(family) },
    },
];

type Off = Tracing;

fn irq_exit() {
    <Tracking as ContextTracking<K>>::irq_exit(forge::step());
}

handlers! {
    MaySleep for El1Abort = |taken| {
        let x = taken.enter().open().run(|cpu, frame| {
            let may = forge::irqs_were_on::<K>(frame);
            within("kernel abort", Promise::Inherited, frame, || {
                if may {
                    with(|world| world.check_may_sleep());
                }
                cpu
            })
        });
        x.mask().prepare().restore()
    };

    ExitSleeps for El1Irq = |taken| {
        let (frame, idle) = forge::parts(handled(taken.enter()).prepare());
        <Off as IrqTracing<K>>::on_prepare(forge::step());
        if idle {
            irq_exit();
            eqs_enter();
        }
        <Off as IrqTracing<K>>::on(forge::step());
        forge::restored(frame)
    };

    ExitForgets for El1Abort = |taken| {
        let x = taken.enter().open().run(K::kernel_abort).mask().prepare();
        let x: At<'_, _, Ready> = between(x, |_, idle| *idle = false);
        x.restore()
    };

    WatchedFirst for El1Serror = |taken| {
        let x: At<'_, _, Entered> = unentered(taken, |_| {
            let believed = <Off as IrqTracing<K>>::believes_on();
            forge::count::<K>(forge::Unit::NmiLike);
            <Tracking as ContextTracking<K>>::irq_enter(forge::step());
            <Off as IrqTracing<K>>::off(forge::step());
            <Off as IrqTracing<K>>::off_finish(forge::step());
            believed
        });
        x.open().run(port::serror).mask().restore()
    };

    TracersLast for El1Serror = |taken| {
        let (frame, believed) = forge::parts(taken.enter().open().run(port::serror).mask());
        irq_exit();
        if believed {
            <Off as IrqTracing<K>>::on_prepare(forge::step());
            <Off as IrqTracing<K>>::on(forge::step());
        }
        forge::uncount::<K>(forge::Unit::NmiLike);
        forge::restored(frame)
    };
}

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

fn waits_masked(_: &mut Cpu<K, Process>) {
    forge::mask_irqs::<K>();
    eqs_enter();
    B::mask::<NoIrq>(forge::step());
    sleeps();
    B::lower::<Critical, NoIrq>(forge::step());
    eqs_exit();
    forge::open_irqs::<K>();
}

fn faults(_: &mut Cpu<K, Process>) {
    take(Exception::DataAbort);
}

pub(super) fn faults_unwatched(_: &mut Cpu<K, Process>) {
    forge::mask_irqs::<K>();
    eqs_enter();
    take(Exception::DataAbort);
    eqs_exit();
    forge::open_irqs::<K>();
}

fn masks_quietly(_: &mut Cpu<K, Process>) {
    M::irqs_off(forge::step());
    eqs_enter();
    sleeps();
    eqs_exit();
    M::irqs_on(forge::step());
}
