//! What comes after the body: masked, undone, put back.

use vestibule::{
    ContextTracking, Cpu, Exception, Inherit, IrqTracing, Masked, Masks, Process, Ran, Ready, Restored, forge,
};
use vestibule_arm64::classes::{El0Svc, El1Abort, El1Irq};
use vestibule_arm64::entry::{self, forge as port};
use vestibule_arm64::{Bodies, Frame};

use super::Variant;
use super::parts::{
    At, B, K, P, Tracing, Tracking, between, handled, handlers, kernel_abort, kernel_irq, shipped, undo, user_svc,
};
use super::program;
use crate::design::Design;
use crate::family::Family;
use crate::world::with;

pub(super) const VARIANTS: &[Variant] = &[
    Variant {
        name: "put-back-open",
        origin: "Linux 6.12 without the assembly's disable_daif: el1_interrupt() came back with SError and debug exceptions open",
        change: "el1_abort masks interrupts alone, so that the return state is put back with the rest open",
        expects: &[2],
        families: &[Family::Kernel],
        design: kernel_abort::<PutBackOpen>,
    },
    Variant {
        name: "restore-irqs-only",
        origin: "the convention that the split relies on: arm64_exit_to_kernel_mode() without local_daif_mask()",
        change: "el1_abort restores with interrupts masked and everything else open",
        expects: &[3],
        families: &[Family::Kernel],
        design: kernel_abort::<RestoreIrqsOnly>,
    },
    Variant {
        name: "restore-before-mask",
        origin: "plausible: irqentry_exit() before the port's mask",
        change: "el1_abort restores tracking as the body left the masks, and masks then",
        expects: &[75],
        families: &[Family::Kernel],
        design: kernel_abort::<RestoreBeforeMask>,
    },
    Variant {
        name: "user-restore-before-mask",
        origin: "plausible: exit_to_user_mode() before local_daif_mask()",
        change: "el0_svc stops being watched with everything open, and masks then",
        expects: &[68, 69, 75],
        families: &[Family::User],
        design: user_svc::<UserRestoreBeforeMask>,
    },
    Variant {
        name: "return-opens",
        origin: "what the thread asks of every return: the interrupted context's masks, not PROCCTX",
        change: "el1_abort returns with interrupts open, whatever was interrupted",
        expects: &[40, 45],
        families: &[Family::IrqsOff],
        design: kernel_abort::<ReturnOpens>,
    },
    Variant {
        name: "return-believes-on",
        origin: "plausible: trace_hardirqs_on() without a look at the saved state",
        change: "el1_abort tells tracing that interrupts will be on, whatever was interrupted",
        expects: &[42],
        families: &[Family::IrqsOff],
        design: kernel_abort::<ReturnBelievesOn>,
    },
    Variant {
        name: "off-told-twice",
        origin: "Linux 7.1: local_irq_disable() on every exit, also to code with interrupts off; 39aebe0e8946, CVE-2026-93254",
        change: "el1_abort tells tracing that interrupts are off also where they were never on",
        expects: &[39],
        families: &[Family::IrqsOff],
        design: kernel_abort::<OffToldTwice>,
    },
    Variant {
        name: "exit-not-counted",
        origin: "plausible: irqentry_exit() without its exit_rcu branch",
        change: "el1_irq's exit to the idle task does not take back what the entry counted",
        expects: &[67],
        families: &[Family::Idle],
        design: kernel_irq::<ExitNotCounted>,
    },
    Variant {
        name: "user-tracers-last",
        origin: "plausible: the first two steps of exit_to_user_mode() exchanged",
        change: "el0_svc tells the tracers when nobody watches any more",
        expects: &[55, 80],
        families: &[Family::User],
        design: user_svc::<UserTracersLast>,
    },
    Variant {
        name: "user-mode-before-prepare",
        origin: "plausible: user_enter_irqoff() before the work loop",
        change: "el0_svc stops being watched, and looks for work then",
        expects: &[75],
        families: &[Family::User],
        design: user_svc::<UserModeBeforePrepare>,
    },
    Variant {
        name: "user-mode-watched",
        origin: "plausible: exit_to_user_mode() without user_enter_irqoff(); a grace period would not end",
        change: "el0_svc returns to user mode without telling context tracking",
        expects: &[58, 67],
        families: &[Family::User],
        design: user_svc::<UserModeWatched>,
    },
    Variant {
        name: "first-return-believes-off",
        origin: "plausible: ret_from_fork() with an exit of its own",
        change: "a task's first return to user mode does not tell tracing that interrupts will be on",
        expects: &[59],
        families: &[Family::First],
        design: |family| Design { program: |_| program::first_return(believes_off), ..shipped(family) },
    },
    Variant {
        name: "return-state-of-the-cpu",
        origin: "plausible; as a get_irq_regs() pointer that a nested exception does not put back (RISC-V, powerpc)",
        change: "ELR and SPSR are kept for the CPU, and not for each exception",
        expects: &[2],
        families: &[Family::Kernel],
        design: return_state_of_the_cpu,
    },
];

type Off = Tracing;

fn believes_off(cpu: Cpu<K, Process>, frame: &mut Frame) {
    let x: At<'_, El0Svc, Ran<Process>> = Exception::first(cpu, frame, port::key());
    let (frame, ()) = forge::parts(x.mask().prepare());
    <Tracking as ContextTracking<K>>::eqs_enter(forge::step());
    port::put_back_user::<P>(frame);
}

handlers! {
    PutBackOpen for El1Abort = |taken| {
        let x = taken.enter().open().run(K::kernel_abort);
        irqs_masked_restore(x)
    };

    RestoreIrqsOnly for El1Abort = |taken| {
        let x = taken.enter().open().run(K::kernel_abort);
        let x: At<'_, _, Ready> = between(x, |frame, _| mask_irqs_of(frame));
        x.restore()
    };

    RestoreBeforeMask for El1Abort = |taken| {
        let x = taken.enter().open().run(K::kernel_abort);
        let (frame, idle) = forge::parts(x);
        undo::<El1Abort>(idle, forge::irqs_were_on::<K>(frame));
        B::mask::<Inherit>(forge::step());
        forge::restored(frame)
    };

    UserRestoreBeforeMask for El0Svc = |taken| {
        let x = taken.enter().open().trace_entry().call(K::syscall).trace_exit();
        let (frame, ()) = forge::parts(x);
        <Tracking as ContextTracking<K>>::eqs_enter(forge::step());
        B::mask::<Inherit>(forge::step());
        forge::restored(frame)
    };

    ReturnOpens for El1Abort = |taken| {
        let x = taken.enter().open().run(K::kernel_abort).mask();
        let x: At<'_, _, Masked> = between(x, |frame, _| frame.pstate &= !(0b1111 << 6));
        x.prepare().restore()
    };

    ReturnBelievesOn for El1Abort = |taken| {
        let x = taken.enter().open().run(K::kernel_abort).mask().prepare();
        let (frame, idle) = forge::parts(x);
        undo::<El1Abort>(idle, true);
        forge::restored(frame)
    };

    OffToldTwice for El1Abort = |taken| {
        let x = taken.enter().open().run(K::kernel_abort);
        let x: At<'_, _, Masked> = between(x, |_, _| {
            B::mask::<Inherit>(forge::step());
            <Off as IrqTracing<K>>::off(forge::step());
            <Off as IrqTracing<K>>::off_finish(forge::step());
        });
        x.prepare().restore()
    };

    ExitNotCounted for El1Irq = |taken| {
        let x = handled(taken.enter()).prepare();
        let x: At<'_, _, Ready> = between(x, |_, idle| *idle = false);
        x.restore()
    };

    UserTracersLast for El0Svc = |taken| {
        let x = taken.enter().open().trace_entry().call(K::syscall).trace_exit().mask().prepare();
        let (frame, ()) = forge::parts(x);
        <Tracking as ContextTracking<K>>::eqs_enter(forge::step());
        <Off as IrqTracing<K>>::on_prepare(forge::step());
        <Off as IrqTracing<K>>::on(forge::step());
        forge::restored(frame)
    };

    UserModeWatched for El0Svc = |taken| {
        let x = taken.enter().open().trace_entry().call(K::syscall).trace_exit().mask().prepare();
        let (frame, ()) = forge::parts(x);
        <Off as IrqTracing<K>>::on_prepare(forge::step());
        <Off as IrqTracing<K>>::on(forge::step());
        forge::restored(frame)
    };

    UserModeBeforePrepare for El0Svc = |taken| {
        let x = taken.enter().open().trace_entry().call(K::syscall).trace_exit().mask();
        let x: At<'_, _, Masked> = between(x, |_, ()| undo::<El0Svc>((), true));
        let (frame, ()) = forge::parts(x.prepare());
        forge::restored(frame)
    };
}

/// What `local_irq_disable()` does on the way out of code that had interrupts on.
fn mask_irqs_of(frame: &Frame) {
    if forge::irqs_were_on::<K>(frame) {
        forge::mask_irqs::<K>();
    }
}

fn irqs_masked_restore<'f>(x: At<'f, El1Abort, Ran<Inherit>>) -> Restored<'f, P, El1Abort> {
    let (frame, idle) = forge::parts(x);
    mask_irqs_of(frame);
    undo::<El1Abort>(idle, forge::irqs_were_on::<K>(frame));
    forge::restored(frame)
}

/// The shipped vector between a save for the CPU and a return to what was saved last.
macro_rules! return_from_cpu {
    ($($vector:ident for $shipped:ident;)*) => {$(
        unsafe extern "C" fn $vector(frame: &mut Frame) {
            with(|world| world.kept = (world.cpu.elr, world.cpu.spsr));
            // SAFETY: as this function's.
            unsafe { entry::$shipped::<P>(frame) }
            let mut of_the_cpu = *frame;
            (of_the_cpu.pc, of_the_cpu.pstate) = with(|world| world.kept);
            port::put_back::<P>(&of_the_cpu);
        }
    )*};
}
return_from_cpu! {
    sync_of_the_cpu for el1_sync;
    irq_of_the_cpu for el1_irq;
}

fn return_state_of_the_cpu(family: Family) -> Design {
    let mut design = shipped(family);
    design.el1[0] = sync_of_the_cpu;
    design.el1[1] = irq_of_the_cpu;
    design
}
