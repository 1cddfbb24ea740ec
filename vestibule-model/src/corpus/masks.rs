//! How contexts lie on two masks: a priority, or ALLINT, besides DAIF.

use vestibule::{Context, Cpu, Entered, Exception, Fixed, Level, Masks, NoIrq, Ran, Step, Tracked, TrackedIrqs, forge};
use vestibule_arm64::classes::El1Abort;
use vestibule_arm64::hardware::{A, D, F, I};
use vestibule_arm64::priority::{OFF, OPEN};
use vestibule_arm64::{AllInt, Bodies, Frame, Hardware, Pmr, Thread};

use super::Variant;
use super::parts::{Mixed, between, handlers, kernel_abort};
use super::program;
use crate::design::Design;
use crate::family::Family;
use crate::hardware::Simulated;
use crate::kernel::{Everything, Flavour, PortOf, Reference};

/// The backends, and under each port, kernel and machine.
pub(super) type ByPriority = Pmr<Simulated>;
pub(super) type BySuperpriority = AllInt<Simulated>;
pub(super) type Pp = PortOf<Everything<ByPriority>>;
pub(super) type Pk = Reference<Everything<ByPriority>>;
pub(super) type Ap = PortOf<Everything<BySuperpriority>>;
pub(super) type Ak = Reference<Everything<BySuperpriority>>;

pub(super) const VARIANTS: &[Variant] = &[
    Variant {
        name: "pmr-set-on-some-paths",
        origin: "Linux until 5.13: the priority mask said 'masked by PSTATE' on some entries only; 4d6a38da8e79",
        change: "el1_abort opens the priority mask at its entry, whatever the interrupted code had",
        expects: &[90],
        families: &[Family::IrqsOff],
        design: kernel_abort::<OpenedAtEntry>,
    },
    Variant {
        name: "pmr-marked",
        origin: "Linux: IRQOFF | PSR_I_SET, which its priority debugging warns of",
        change: "the exit from NoIrq marks that PSTATE masks, and leaves the rest of the priority mask as it is",
        expects: &[89],
        families: &[Family::Kernel],
        design: Design::of::<Mixed<Marks, Pk>>,
    },
    Variant {
        name: "pmr-not-put-back",
        origin: "plausible: gic_unmask_pnmis() without the priority mask of the exit's local_daif_mask()",
        change: "an interrupt's exit leaves the priority mask as its body had it",
        expects: &[90],
        families: &[Family::Kernel],
        design: Design::of::<Mixed<Forgets, Pk>>,
    },
    Variant {
        name: "pmr-opened-last",
        origin: "plausible: gic_unmask_pnmis() with its two writes exchanged",
        change: "to open NoIrq, DAIF is written first and the priority mask then",
        expects: &[93],
        families: &[Family::Kernel],
        design: Design::of::<Mixed<OpensDaifFirst, Pk>>,
    },
    Variant {
        name: "pmr-closed-first",
        origin: "plausible: local_daif_mask() with its two writes exchanged",
        change: "to mask everything, the priority mask is opened first and DAIF written then",
        expects: &[93],
        families: &[Family::Kernel],
        design: Design::of::<Mixed<ClosesPmrFirst, Pk>>,
    },
    Variant {
        name: "irqs-off-where-all-is-masked",
        origin: "Linux 7.1: local_irq_disable() on every exit, also to fully masked code; 39aebe0e8946, CVE-2026-93254",
        change: "el1_abort masks interrupts by their priority also where PSTATE masks them",
        expects: &[91],
        families: &[Family::IrqsOff],
        design: kernel_abort::<MasksMasked>,
    },
    Variant {
        name: "pmr-switch-open",
        origin: "plausible: a switch that puts the mask where the vector finds it",
        change: "the task switch opens the priority mask, for when everything is masked anyway",
        expects: &[110],
        families: &[Family::Kernel, Family::PreemptOff],
        design: Design::of::<PortOf<SwitchesOpen>>,
    },
    Variant {
        name: "pmr-not-set-at-boot",
        origin: "what gic_cpu_sys_reg_init() is for on each CPU that comes up; 0d774e0517f3's neighbours for resume",
        change: "a CPU that boots opens DAIF, and leaves the priority mask as it came",
        expects: &[100],
        families: &[Family::Kernel],
        design: |family| Design { program: |_| program::boots_with_pmr_as_it_is(), ..Design::of::<Pp>(family) },
    },
    Variant {
        name: "pmr-not-seen",
        origin: "Linux until 5.4, but for its barrier, which stays where ICC_CTLR_EL1.PMHE is set",
        change: "the controller asks for a barrier after the priority mask is opened, and there is none",
        expects: &[92],
        families: &[Family::Kernel],
        design: |family| Design { pmhe: true, ..Design::of::<Pp>(family) },
    },
    Variant {
        name: "idle-waits-by-priority",
        origin: "what cpu_do_idle() of arm64 opens the priority mask for",
        change: "the idle task masks interrupts by their priority, and waits for none of them",
        expects: &[98],
        families: &[Family::Idle],
        design: |family| Design { program: |_| program::idles_by_priority::<Pk>(), ..Design::of::<Pp>(family) },
    },
    Variant {
        name: "allint-closed-last",
        origin: "the thread's FEAT_NMI series: ALLINT is set before DAIF is masked",
        change: "to mask everything, DAIF is written first and ALLINT then",
        expects: &[93],
        families: &[Family::Kernel],
        design: Design::of::<Mixed<ClosesAllIntLast, Ak>>,
    },
    Variant {
        name: "allint-opened-first",
        origin: "the thread's FEAT_NMI series: ALLINT is cleared after DAIF is unmasked",
        change: "to open NoIrq, ALLINT is written first and DAIF then",
        expects: &[93],
        families: &[Family::Kernel],
        design: Design::of::<Mixed<OpensAllIntFirst, Ak>>,
    },
];

handlers! {
    OpenedAtEntry for El1Abort, on Pp = |taken| {
        let x: Exception<'_, _, El1Abort, Entered> = between(taken.enter(), |_, _| set_pmr::<OPEN>());
        x.open().run(Pk::kernel_abort).mask().prepare().restore()
    };

    MasksMasked for El1Abort, on Pp = |taken| {
        let x = taken.enter().open().run(Pk::kernel_abort);
        let x: Exception<'_, _, El1Abort, Ran<_>> = between(x, |_, _| {
            if Simulated::daif() != 0 {
                forge::mask_irqs::<Pk>();
            }
        });
        x.mask().prepare().restore()
    };
}

pub(super) fn set_pmr<const PRIORITY: u64>() {
    // SAFETY: not what the token says; that is the variant.
    unsafe { Simulated::set_pmr::<PRIORITY>() }
}

/// A backend whose masks do as the shipped one's, but for moves from or to `NoIrq`.
macro_rules! masks {
    ($($name:ident of $backend:ty, to $open:expr, from $close:expr;)*) => {$(
        enum $name {}
        impl Masks for $name {
            type Frame = Frame;
            fn lower<From: Fixed, To: Fixed>(_: Step<Self>) {
                let open: Option<unsafe fn(Level)> = $open;
                match open.filter(|_| To::FIXED == Level::NoIrq) {
                    // SAFETY: not what the token says; that is the variant.
                    Some(open) => unsafe { open(From::FIXED) },
                    None => <$backend>::lower::<From, To>(forge::step()),
                }
            }
            fn inherit(frame: &Frame, _: Step<Self>) {
                <$backend>::inherit(frame, forge::step());
            }
            fn mask<From: Context>(_: Step<Self>) {
                let close: Option<unsafe fn()> = $close;
                match close.filter(|_| From::LEVEL == Some(Level::NoIrq)) {
                    // SAFETY: as above.
                    Some(close) => unsafe { close() },
                    None => <$backend>::mask::<From>(forge::step()),
                }
            }
        }
    )*};
}
masks! {
    Marks of ByPriority, to None, from Some(marks);
    Forgets of ByPriority, to None, from Some(Simulated::daif_set::<{ D | A | I | F }>);
    OpensDaifFirst of ByPriority, to Some(opens_daif_first), from None;
    ClosesPmrFirst of ByPriority, to None, from Some(closes_pmr_first);
    ClosesAllIntLast of BySuperpriority, to None, from Some(closes_allint_last);
    OpensAllIntFirst of BySuperpriority, to Some(opens_allint_first), from None;
}

unsafe fn marks() {
    const PSR_I_SET: u64 = 0x10;
    // SAFETY: the caller's, for each of these.
    unsafe {
        Simulated::daif_set::<{ D | A | I | F }>();
        Simulated::set_pmr::<{ OFF | PSR_I_SET }>();
    }
}

unsafe fn opens_daif_first(from: Level) {
    // SAFETY: as above.
    unsafe {
        if from == Level::Critical {
            Simulated::daif_clear::<{ D | A | I | F }>();
        } else {
            Simulated::daif_clear::<{ I | F }>();
        }
        Simulated::set_pmr::<OFF>();
    }
}

unsafe fn closes_pmr_first() {
    // SAFETY: as above.
    unsafe {
        Simulated::set_pmr::<OPEN>();
        Simulated::daif_set::<{ D | A | I | F }>();
    }
}

unsafe fn closes_allint_last() {
    // SAFETY: as above.
    unsafe {
        Simulated::daif_set::<{ D | A | I | F }>();
        Simulated::allint_set();
    }
}

unsafe fn opens_allint_first(from: Level) {
    // SAFETY: as above.
    unsafe {
        Simulated::allint_clear();
        if from == Level::Critical {
            Simulated::daif_clear::<{ D | A }>();
        }
    }
}

enum SwitchesOpen {}
impl Flavour for SwitchesOpen {
    type Backend = ByPriority;
    type Tracking = Tracked;
    type Tracing = TrackedIrqs;
    unsafe fn switch(cpu: Cpu<Reference<Self>, NoIrq>, to: &Thread) -> Cpu<Reference<Self>, NoIrq> {
        // SAFETY: the caller's; as the shipped one.
        unsafe {
            Simulated::daif_set::<{ D | A | I | F }>();
            Simulated::set_pmr::<OPEN>();
            Simulated::switch(&*Simulated::current(), to);
            Simulated::set_pmr::<OFF>();
            Simulated::daif_clear::<{ D | A | I | F }>();
        }
        cpu
    }
}
