//! What comes before the body: what is read, told, counted and opened, in which order.

use vestibule::{
    Accounting, ContextTracking, Critical, Inherit, IrqTracing, Machine, Masks, NoIrq, Open, Process, Ready, Regular,
    Syscall, Taken, forge,
};
use vestibule_arm64::classes::{El0Svc, El0Undefined, El1Abort, El1Irq};
use vestibule_arm64::entry::{self, forge as port};
use vestibule_arm64::{Bodies, Frame};

use super::Variant;
use super::parts::{
    ABORTS, At, B, K, M, P, Tracing, Tracking, between, came_as, handled, handlers, kernel_abort, kernel_irq, shipped,
    unentered, user_svc, user_undefined,
};
use crate::design::Design;
use crate::event::Exception as Kind;
use crate::family::Family;

pub(super) const VARIANTS: &[Variant] = &[
    Variant {
        name: "open-before-save",
        origin: "plausible: ELR and SPSR belong to whatever comes next, until they are saved",
        change: "the interrupt's vector opens SError and debug exceptions before it saves ELR and SPSR",
        expects: &[4],
        families: &[Family::Kernel],
        design: open_before_save,
    },
    Variant {
        name: "syndrome-after-open",
        origin: "plausible; why el1_abort() reads FAR_EL1 in its first line",
        change: "el1_abort reads ESR and FAR after it has opened what the interrupted code had open",
        expects: &[4],
        families: &[Family::Kernel],
        design: syndrome_after_open,
    },
    Variant {
        name: "user-sp-not-saved",
        origin: "plausible: kernel_entry without its 'mrs x21, sp_el0'",
        change: "the system call's vector does not save the user's stack pointer",
        expects: &[4],
        families: &[Family::User],
        design: user_sp_not_saved,
    },
    Variant {
        name: "irq-opens-first",
        origin: "Linux as of 7.3: el1_interrupt() writes DAIF before arm64_enter_from_kernel_mode()",
        change: "el1_irq opens SError and debug exceptions before its entry step",
        expects: &[22],
        families: &[Family::Kernel],
        design: kernel_irq::<IrqOpensFirst>,
    },
    Variant {
        name: "syscall-opens-first",
        origin: "Linux before 5.10: system calls unmasked before RCU was watching; ca1314d73eed",
        change: "el0_svc opens everything, and then tells context tracking",
        expects: &[22],
        families: &[Family::User],
        design: user_svc::<SyscallOpensFirst>,
    },
    Variant {
        name: "user-tracers-first",
        origin: "Linux before 5.10: tracing ran before RCU watched; the same order as in 9d820f68b2bd for idle",
        change: "el0_svc tells the tracers before somebody watches",
        expects: &[80],
        families: &[Family::User],
        design: user_svc::<UserTracersFirst>,
    },
    Variant {
        name: "user-watched-first",
        origin: "plausible: the first two steps of enter_from_user_mode() exchanged",
        change: "el0_svc is watched before tracing hears that interrupts are off",
        expects: &[46],
        families: &[Family::User],
        design: user_svc::<UserWatchedFirst>,
    },
    Variant {
        name: "user-entry-nested",
        origin: "Linux 7.3, RISC-V: do_trap_software_check() enters from user mode and calls do_trap_unknown(), which does again",
        change: "el0_undefined runs a whole exception of its own class between its entry and its exit",
        expects: &[66],
        families: &[Family::User],
        design: user_undefined::<UserEntryNested>,
    },
    Variant {
        name: "fault-counts",
        origin: "plausible; why irqentry_enter() counts for the idle task alone: the handler of a fault may sleep",
        change: "el1_abort's entry counts in context tracking, as an interrupt's in the idle task does",
        expects: &[18],
        families: &[Family::Kernel],
        design: kernel_abort::<FaultCounts>,
    },
    Variant {
        name: "idle-not-counted",
        origin: "plausible: irqentry_enter() without its is_idle_task() branch; compare 9d820f68b2bd",
        change: "el1_irq's entry from the idle task does not count in context tracking",
        expects: &[17],
        families: &[Family::Idle],
        design: kernel_irq::<IdleNotCounted>,
    },
    Variant {
        name: "idle-counted-twice",
        origin: "Linux before 5.16: handle_domain_irq() accounted again; 12074b059fdc, ad0d5cfb9535",
        change: "el1_irq's entry from the idle task counts twice, its exit once",
        expects: &[67],
        families: &[Family::Idle],
        design: kernel_irq::<IdleCountedTwice>,
    },
    Variant {
        name: "on-told-after-open",
        origin: "plausible: local_daif_inherit() with trace_hardirqs_on() after the write",
        change: "el1_abort opens, and then tells tracing that interrupts are on",
        expects: &[23],
        families: &[Family::Kernel],
        design: kernel_abort::<OnToldAfterOpen>,
    },
    Variant {
        name: "on-never-told",
        origin: "Linux before 5.10: inherit_daif told nobody; fixed with 7cd1ea1010ac",
        change: "el1_abort opens, and tracing never hears that interrupts are on",
        expects: &[23],
        families: &[Family::Kernel],
        design: kernel_abort::<OnNeverTold>,
    },
    Variant {
        name: "on-not-prepared",
        origin: "plausible: lockdep_hardirqs_on() without lockdep_hardirqs_on_prepare()",
        change: "el1_abort tells tracing that interrupts are on before the tracers were told",
        expects: &[76],
        families: &[Family::Kernel],
        design: kernel_abort::<OnNotPrepared>,
    },
];

unsafe extern "C" fn opens_then_saves(frame: &mut Frame) {
    B::lower::<Critical, NoIrq>(forge::step());
    // SAFETY: it is not: something is open. That is the variant.
    unsafe { entry::el1_irq::<P>(frame) }
}

fn open_before_save(family: Family) -> Design {
    let mut design = shipped(family);
    design.el1[1] = opens_then_saves;
    design
}

unsafe extern "C" fn aborts_unread(frame: &mut Frame) {
    if !came_as(ABORTS) {
        // SAFETY: as this function's.
        return unsafe { entry::el1_sync::<P>(frame) };
    }
    port::capture::<P>(frame);
    port::take(frame, |taken: Taken<'_, P, El1Abort>| {
        let x = taken.enter().open();
        let x: At<'_, _, Open<Inherit>> = between(x, |frame, _| {
            port::capture_syndrome::<P>(frame);
            port::capture_fault_address::<P>(frame);
        });
        x.run(K::kernel_abort).mask().prepare().restore()
    });
    port::put_back::<P>(frame);
}

fn syndrome_after_open(family: Family) -> Design {
    let mut design = shipped(family);
    design.el1[0] = aborts_unread;
    design
}

unsafe extern "C" fn saves_no_user_sp(frame: &mut Frame) {
    if !came_as(&[Kind::Svc]) {
        // SAFETY: as this function's.
        return unsafe { entry::el0_sync::<P>(frame) };
    }
    port::capture::<P>(frame);
    port::capture_syndrome::<P>(frame);
    port::take(frame, |taken: Taken<'_, P, El0Svc>| {
        taken.enter().open().trace_entry().call(K::syscall).trace_exit().mask().prepare().restore()
    });
    port::put_back_user::<P>(frame);
}

fn user_sp_not_saved(family: Family) -> Design {
    let mut design = shipped(family);
    design.el0[0] = saves_no_user_sp;
    design
}

type Off = Tracing;

fn tell_off() {
    <Off as IrqTracing<K>>::off(forge::step());
}

fn tell_off_finish() {
    <Off as IrqTracing<K>>::off_finish(forge::step());
}

fn eqs_exit() {
    <Tracking as ContextTracking<K>>::eqs_exit(forge::step());
}

fn irq_enter() {
    <Tracking as ContextTracking<K>>::irq_enter(forge::step());
}

fn by_syscall(frame: &mut Frame) {
    M::came_by_syscall(frame, true, forge::step());
}

handlers! {
    IrqOpensFirst for El1Irq = |taken| {
        B::lower::<Critical, NoIrq>(forge::step());
        let x = unentered(taken, |frame| Regular::note::<K>(&forge::cpu(), frame, forge::step()));
        B::mask::<NoIrq>(forge::step());
        handled(x).prepare().restore()
    };

    SyscallOpensFirst for El0Svc = |taken| {
        B::lower::<Critical, Process>(forge::step());
        let x = unentered(taken, |frame| Syscall::note::<K>(&forge::cpu(), frame, forge::step()));
        let x: At<'_, _, Open<Process>> = forge::at(x);
        x.trace_entry().call(K::syscall).trace_exit().mask().prepare().restore()
    };

    UserTracersFirst for El0Svc = |taken| {
        let x = unentered(taken, |frame| {
            tell_off();
            tell_off_finish();
            eqs_exit();
            by_syscall(frame);
        });
        x.open().trace_entry().call(K::syscall).trace_exit().mask().prepare().restore()
    };

    UserWatchedFirst for El0Svc = |taken| {
        let x = unentered(taken, |frame| {
            eqs_exit();
            tell_off();
            tell_off_finish();
            by_syscall(frame);
        });
        x.open().trace_entry().call(K::syscall).trace_exit().mask().prepare().restore()
    };

    UserEntryNested for El0Undefined = |taken| {
        let x = taken.enter();
        let x: At<'_, _, Ready> = between(x, |frame, ()| {
            port::take(frame, |inner: Taken<'_, P, El0Undefined>| {
                inner.enter().open().run(K::user_undefined).mask().prepare().restore()
            });
        });
        x.restore()
    };

    FaultCounts for El1Abort = |taken| {
        let x = unentered(taken, |_| {
            tell_off();
            irq_enter();
            tell_off_finish();
            true
        });
        x.open().run(K::kernel_abort).mask().prepare().restore()
    };

    IdleNotCounted for El1Irq = |taken| {
        let x = unentered(taken, |_| {
            tell_off();
            tell_off_finish();
            false
        });
        handled(x).prepare().restore()
    };

    IdleCountedTwice for El1Irq = |taken| {
        let x = taken.enter();
        let x = between(x, |_, idle| {
            if *idle {
                irq_enter();
            }
        });
        handled(x).prepare().restore()
    };

    OnToldAfterOpen for El1Abort = |taken| {
        let x: At<'_, _, Open<Inherit>> = between(taken.enter(), |frame, _| {
            B::inherit(frame, forge::step());
            if forge::irqs_were_on::<K>(frame) {
                <Off as IrqTracing<K>>::on_prepare(forge::step());
                <Off as IrqTracing<K>>::on(forge::step());
            }
        });
        x.run(K::kernel_abort).mask().prepare().restore()
    };

    OnNotPrepared for El1Abort = |taken| {
        let x: At<'_, _, Open<Inherit>> = between(taken.enter(), |frame, _| {
            if forge::irqs_were_on::<K>(frame) {
                <Off as IrqTracing<K>>::on(forge::step());
            }
            B::inherit(frame, forge::step());
        });
        x.run(K::kernel_abort).mask().prepare().restore()
    };

    OnNeverTold for El1Abort = |taken| {
        let x: At<'_, _, Open<Inherit>> = between(taken.enter(), |frame, _| B::inherit(frame, forge::step()));
        x.run(K::kernel_abort).mask().prepare().restore()
    };
}
