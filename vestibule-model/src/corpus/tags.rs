//! Tag checks: when they open, whose faults they are, and what a task switch does about them.

use vestibule::{Class, Cpu, Exception, NoIrq, Ready, Restored, Taken, Tracked, TrackedIrqs, forge};
use vestibule_arm64::classes::{El0Abort, El0Irq, El0Svc, El1Abort, El1Brk, El1Serror};
use vestibule_arm64::entry::forge as port;
use vestibule_arm64::tags::{FAULT, KernelFault, forge as tags};
use vestibule_arm64::{Bodies, Daif, Frame, Hardware, Thread, entry, switch};

use super::Variant;
use super::parts::{
    ABORTS, came_as, capture_user_alone, handled, handlers, kernel_abort, kernel_brk, kernel_serror,
    put_back_user_alone, user_irq, user_svc, with_user_irq,
};
use crate::design::{Design, Vector};
use crate::family::Family;
use crate::hardware::Simulated;
use crate::kernel::{Everything, Flavour, PortOf, Reference, Tagged};

/// The port and the kernel with tag checks.
type Tp = PortOf<Tagged>;
type Tk = Reference<Tagged>;

pub(super) const VARIANTS: &[Variant] = &[
    Variant {
        name: "tag-fault-flag-stored",
        origin: "Linux before 5.13: check_mte_async_tcf in entry.S; 2decad92f473",
        change: "el0_irq reads the task's word, and stores it with the flag of a tag fault: another CPU's flag is lost",
        expects: &[105],
        families: &[Family::Tags],
        design: |family| with_user_irq::<Tp>(family, flag_stored),
    },
    Variant {
        name: "tag-fault-not-asked-for",
        origin: "plausible: check_mte_async_tcf on system calls alone",
        change: "el0_irq does not look whether user mode has failed a check",
        expects: &[105],
        families: &[Family::Tags],
        design: |family| with_user_irq::<Tp>(family, not_asked),
    },
    Variant {
        name: "tag-fault-of-the-kernel-kept",
        origin: "what clear_mte_async_tcf in Linux's kernel_exit is for",
        change: "el0_abort leaves TFSRE0 as the kernel's copies have it",
        expects: &[106],
        families: &[Family::Tags],
        design: |family| with_abort(family, kept),
    },
    Variant {
        name: "tag-fault-of-the-kernel-not-waited-for",
        origin: "what the DSB in clear_mte_async_tcf is for",
        change: "el0_abort clears TFSRE0, and does not wait for the kernel's copies before",
        expects: &[106],
        families: &[Family::Tags],
        design: |family| with_abort(family, cleared_early),
    },
    Variant {
        name: "tag-fault-call-made",
        origin: "what _TIF_MTE_ASYNC_FAULT in el0_svc_common() is for",
        change: "el0_svc makes the call though a check has failed before it",
        expects: &[62],
        families: &[Family::Tags],
        design: user_svc::<Made>,
    },
    Variant {
        name: "tags-open-after-the-masks",
        origin: "plausible: mte_disable_tco_entry() in the body",
        change: "el0_svc opens everything, and tag checks then",
        expects: &[49],
        families: &[Family::Tags],
        design: user_svc::<OpenAfterTheMasks>,
    },
    Variant {
        name: "tags-open-unwatched",
        origin: "plausible: mte_disable_tco_entry() in kernel_entry, before context tracking",
        change: "el1_abort opens tag checks before its entry step",
        expects: &[20],
        families: &[Family::OwnTags],
        design: kernel_abort::<OpenUnwatched>,
    },
    Variant {
        name: "tags-stay-masked",
        origin: "what mte_disable_tco_entry() is for",
        change: "el1_abort leaves tag checks masked",
        expects: &[20],
        families: &[Family::OwnTags],
        design: kernel_abort::<StayMasked>,
    },
    Variant {
        name: "tag-entry-check-after-tco",
        origin: "plausible: mte_disable_tco_entry() before mte_check_tfsr_entry()",
        change: "el1_abort opens tag checks, and asks then for what the interrupted code has failed",
        expects: &[21],
        families: &[Family::OwnTags],
        design: kernel_abort::<EntryCheckLate>,
    },
    Variant {
        name: "tag-entry-check-left-out",
        origin: "what mte_check_tfsr_entry() is for",
        change: "el1_abort does not ask what the interrupted code has failed",
        expects: &[21],
        families: &[Family::OwnTags],
        design: kernel_abort::<NoEntryCheck>,
    },
    Variant {
        name: "tag-exit-check-without-barriers",
        origin: "what DSB and ISB in mte_check_tfsr_exit() are for",
        change: "el1_abort asks what it has failed, and waits for nothing before",
        expects: &[102],
        families: &[Family::OwnTags],
        design: kernel_abort::<ExitWithoutBarriers>,
    },
    Variant {
        name: "tag-exit-check-without-isb",
        origin: "what the ISB in mte_check_tfsr_exit() is for",
        change: "el1_abort waits for its accesses, and reads what was before",
        expects: &[102],
        families: &[Family::OwnTags],
        design: kernel_abort::<ExitWithoutIsb>,
    },
    Variant {
        name: "tag-exit-check-open",
        origin: "plausible: mte_check_tfsr_exit() before local_daif_mask()",
        change: "el1_abort asks what it has failed, and masks everything then",
        expects: &[102],
        families: &[Family::OwnTags],
        design: kernel_abort::<ExitOpen>,
    },
    Variant {
        name: "tag-exit-blames-the-interrupted",
        origin: "plausible: kasan_report_async() with the registers of the frame at every exit",
        change: "el1_abort tells what it has failed itself as the interrupted code's",
        expects: &[103],
        families: &[Family::OwnTags],
        design: kernel_abort::<ExitBlamesAnother>,
    },
    Variant {
        name: "tag-exit-check-unwatched",
        origin: "plausible: mte_check_tfsr_exit() in kernel_exit, after context tracking",
        change: "el0_irq restores, and asks then what the kernel has failed",
        expects: &[55],
        families: &[Family::Tags],
        design: user_irq::<ExitUnwatched>,
    },
    Variant {
        name: "tags-open-in-brk",
        origin: "plausible: mte_disable_tco_entry() in arm64_enter_el1_dbg()",
        change: "el1_brk opens tag checks",
        expects: &[101],
        families: &[Family::OwnTags],
        design: kernel_brk::<BrkOpens>,
    },
    Variant {
        name: "tags-open-in-serror",
        origin: "plausible: mte_disable_tco_entry() in arm64_enter_nmi()",
        change: "el1_serror opens tag checks",
        expects: &[101],
        families: &[Family::OwnTags],
        design: kernel_serror::<SerrorOpens>,
    },
    Variant {
        name: "tag-switch-without-wait",
        origin: "what the DSB in __switch_to() and the check in mte_thread_switch() are for",
        change: "the task switch sets the next task's checks, and does not wait for the last one's faults",
        expects: &[104],
        families: &[Family::OwnTags],
        design: Design::of::<PortOf<WithoutWait>>,
    },
    Variant {
        name: "tag-switch-keeps-checks",
        origin: "what mte_thread_switch() is for",
        change: "the task switch leaves the last task's checks as they are",
        expects: &[104],
        families: &[Family::Tags],
        design: Design::of::<PortOf<KeepsChecks>>,
    },
];

handlers! {
    Made for El0Svc, on Tp = |taken| {
        let x = taken.enter();
        tags::on::<Tp>();
        leave(x.open().trace_entry().call(Tk::syscall).trace_exit().mask().prepare())
    };
    OpenAfterTheMasks for El0Svc, on Tp = |taken| {
        let x = taken.enter().open();
        tags::on::<Tp>();
        leave(x.trace_entry().call(Tk::syscall).trace_exit().mask().prepare())
    };
    ExitUnwatched for El0Irq, on Tp = |taken| {
        let x = taken.enter();
        tags::on::<Tp>();
        let x = handled(x).prepare().restore();
        Simulated::dsb();
        Simulated::isb();
        tags::report::<Tp>(KernelFault::Exit(&Frame::default()));
        x
    };
    OpenUnwatched for El1Abort, on Tp = |taken| {
        tags::on::<Tp>();
        let x = taken.enter();
        tags::enter(&x);
        leave(x.open().run(Tk::kernel_abort).mask().prepare())
    };
    StayMasked for El1Abort, on Tp = |taken| {
        let x = taken.enter();
        tags::report::<Tp>(KernelFault::Interrupted(x.frame()));
        leave(x.open().run(Tk::kernel_abort).mask().prepare())
    };
    EntryCheckLate for El1Abort, on Tp = |taken| {
        let x = taken.enter();
        tags::on::<Tp>();
        tags::report::<Tp>(KernelFault::Interrupted(x.frame()));
        leave(x.open().run(Tk::kernel_abort).mask().prepare())
    };
    NoEntryCheck for El1Abort, on Tp = |taken| {
        let x = taken.enter();
        tags::on::<Tp>();
        leave(x.open().run(Tk::kernel_abort).mask().prepare())
    };
    ExitWithoutBarriers for El1Abort, on Tp = |taken| {
        let x = taken.enter();
        tags::enter(&x);
        let x = x.open().run(Tk::kernel_abort).mask().prepare();
        tags::report::<Tp>(KernelFault::Exit(x.frame()));
        x.restore()
    };
    ExitWithoutIsb for El1Abort, on Tp = |taken| {
        let x = taken.enter();
        tags::enter(&x);
        let x = x.open().run(Tk::kernel_abort).mask().prepare();
        Simulated::dsb();
        tags::report::<Tp>(KernelFault::Exit(x.frame()));
        x.restore()
    };
    ExitBlamesAnother for El1Abort, on Tp = |taken| {
        let x = taken.enter();
        tags::enter(&x);
        let x = x.open().run(Tk::kernel_abort).mask().prepare();
        Simulated::dsb();
        Simulated::isb();
        tags::report::<Tp>(KernelFault::Interrupted(x.frame()));
        x.restore()
    };
    ExitOpen for El1Abort, on Tp = |taken| {
        let x = taken.enter();
        tags::enter(&x);
        let x = x.open().run(Tk::kernel_abort);
        Simulated::dsb();
        Simulated::isb();
        tags::report::<Tp>(KernelFault::Exit(x.frame()));
        x.mask().prepare().restore()
    };
    BrkOpens for El1Brk, on Tp = |taken| {
        let x = taken.enter();
        tags::on::<Tp>();
        x.open().run(Tk::kernel_brk).mask().restore()
    };
    SerrorOpens for El1Serror, on Tp = |taken| {
        let x = taken.enter();
        tags::on::<Tp>();
        x.open().run(port::serror).mask().restore()
    };
}

/// The shipped end.
fn leave<X: Class>(x: Exception<'_, Tp, X, Ready>) -> Restored<'_, Tp, X> {
    tags::check(&x);
    x.restore()
}

fn with_abort(family: Family, vector: Vector) -> Design {
    let mut design = Design::of::<Tp>(family);
    design.el0[0] = vector;
    design
}

unsafe extern "C" fn flag_stored(frame: &mut Frame) {
    capture_user_alone::<Tp>(frame);
    if tags::has_failed::<Tp>() {
        Simulated::set_tfsre0(0);
        let word = tags::word::<Tp>();
        let old = Simulated::load(word);
        Simulated::store(word, old | FAULT.bits());
    }
    handles(frame);
    port::put_back_user::<Tp>(frame);
}

unsafe extern "C" fn not_asked(frame: &mut Frame) {
    capture_user_alone::<Tp>(frame);
    handles(frame);
    port::put_back_user::<Tp>(frame);
}

/// The shipped handler.
fn handles(frame: &mut Frame) {
    port::take(frame, |taken: Taken<'_, Tp, El0Irq>| {
        let x = taken.enter();
        tags::on::<Tp>();
        leave(handled(x).prepare())
    });
}

unsafe extern "C" fn kept(frame: &mut Frame) {
    // SAFETY: as this function's.
    unsafe { aborts(frame, |_| ()) }
}

unsafe extern "C" fn cleared_early(frame: &mut Frame) {
    // SAFETY: as this function's.
    unsafe { aborts(frame, |_| Simulated::set_tfsre0(0)) }
}

/// An abort, as shipped but for what is done about tag checks at its end.
unsafe fn aborts(frame: &mut Frame, end: fn(&mut Frame)) {
    if !came_as(ABORTS) {
        // SAFETY: the caller's.
        return unsafe { entry::el0_sync::<Tp>(frame) };
    }
    port::capture_user::<Tp>(frame);
    port::capture_syndrome::<Tp>(frame);
    port::capture_fault_address::<Tp>(frame);
    port::take(frame, |taken: Taken<'_, Tp, El0Abort>| {
        let x = taken.enter();
        tags::on::<Tp>();
        leave(x.open().run(Tk::user_abort).mask().prepare())
    });
    end(frame);
    put_back_user_alone::<Tp>(frame);
}

/// A kernel whose task switch does something else about tag checks.
macro_rules! switches {
    ($($name:ident = |$to:ident| $change:expr;)*) => {$(
        enum $name {}
        impl Flavour for $name {
            type Backend = Daif<Simulated>;
            type Tracking = Tracked;
            type Tracing = TrackedIrqs;
            const TAG_CHECKS: bool = true;
            unsafe fn switch(cpu: Cpu<Reference<Self>, NoIrq>, $to: &Thread) -> Cpu<Reference<Self>, NoIrq> {
                $change;
                // SAFETY: the caller's; the rest of the switch is that of a kernel without tag checks.
                let _back = unsafe { switch::switch::<Reference<Everything>>(forge::cpu(), $to) };
                cpu
            }
        }
    )*};
}
switches! {
    WithoutWait = |to| {
        tags::use_checks_of::<Reference<Self>>(to);
        Simulated::set_tco::<false>();
    };
    KeepsChecks = |to| {
        Simulated::dsb();
        Simulated::isb();
    };
}
