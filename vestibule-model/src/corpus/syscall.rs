//! System calls: who traces them, and whether one that a signal interrupted is made again.

use vestibule::{Called, Flags, Masked, NoIrq, Open, Process, Ran, SyscallWork, Tracked, TrackedIrqs, forge};
use vestibule_arm64::classes::El0Svc;
use vestibule_arm64::{Bodies, Daif, Frame, Interrupted};

use super::Variant;
use super::parts::{At, K, P, between, carries, handlers, look, user_svc};
use crate::design::Design;
use crate::family::Family;
use crate::hardware::Simulated;
use crate::kernel::{Chooses, Flavour, PortOf};

pub(super) const VARIANTS: &[Variant] = &[
    Variant {
        name: "traced-when-made",
        origin: "plausible: syscall_trace_enter() after invoke_syscall()",
        change: "el0_svc makes the call, and shows it to who traces it then",
        expects: &[64],
        families: &[Family::Call],
        design: user_svc::<TracedWhenMade>,
    },
    Variant {
        name: "skip-ignored",
        origin: "Linux before 7.3 took a call for skipped by its number alone; what the seccomp_*_x0_bypass selftests look for",
        change: "el0_svc makes a call that its tracer skipped",
        expects: &[63],
        families: &[Family::Call],
        design: user_svc::<SkipIgnored>,
    },
    Variant {
        name: "traced-flags-read-once",
        origin: "plausible: el0_svc_common() without its second read of the thread's flags",
        change: "el0_svc decides before the call whether its end is traced: who begins to trace meanwhile does not see it",
        expects: &[65],
        families: &[Family::Call],
        design: user_svc::<FlagsReadOnce>,
    },
    Variant {
        name: "traced-twice",
        origin: "plausible: exit work inside the work loop, as before generic entry had a place of its own for it",
        change: "el0_svc shows the end of the call to who traces it twice",
        expects: &[65],
        families: &[Family::Call],
        design: user_svc::<TracedTwice>,
    },
    Variant {
        name: "traced-masked",
        origin: "what the warning 'syscall left IRQs disabled' of Linux's exit work is for",
        change: "el0_svc shows the end of the call to who traces it with interrupts off",
        expects: &[65],
        families: &[Family::Call],
        design: user_svc::<TracedMasked>,
    },
    Variant {
        name: "restart-twice",
        origin: "what forget_syscall() in do_signal() is for",
        change: "who decides that a call is made again leaves the question in the frame, and the next signal finds it",
        expects: &[61],
        families: &[Family::Call],
        design: Design::of::<PortOf<RestartTwice>>,
    },
    Variant {
        name: "signal-return-restarts",
        origin: "what forget_syscall() in restore_sigframe() is for",
        change: "a signal's return leaves the frame a system call's: an X0 that looks like an interrupted call's is taken for one",
        expects: &[61],
        families: &[Family::Call],
        design: Design::of::<PortOf<SignalReturnRestarts>>,
    },
];

handlers! {
    TracedWhenMade for El0Svc = |taken| {
        let x = forge::run(taken.enter().open(), K::syscall);
        let x: At<'_, _, Open<Process>> = forge::at(x);
        x.trace_entry().call(|cpu, _| cpu).trace_exit().mask().prepare().restore()
    };

    SkipIgnored for El0Svc = |taken| {
        let x: At<'_, _, Open<Process>> = between(taken.enter().open(), |frame, ()| {
            if look().traces().any_of(Flags::SYSCALL_ENTRY) {
                let (_cpu, _call) = <Chooses as SyscallWork<K>>::entry(forge::cpu(), frame);
            }
        });
        let x: At<'_, _, Called> = forge::at(forge::run(x, K::syscall));
        x.trace_exit().mask().prepare().restore()
    };

    FlagsReadOnce for El0Svc = |taken| {
        let x = taken.enter().open();
        let traced = look().traces().any_of(Flags::SYSCALL_EXIT);
        let x: At<'_, _, Called> = x.trace_entry().call(K::syscall);
        let x: At<'_, _, Ran<Process>> = if traced { x.trace_exit() } else { forge::at(x) };
        x.mask().prepare().restore()
    };

    TracedTwice for El0Svc = |taken| {
        let x = taken.enter().open().trace_entry().call(K::syscall).trace_exit();
        let x: At<'_, _, Called> = forge::at(x);
        x.trace_exit().mask().prepare().restore()
    };

    TracedMasked for El0Svc = |taken| {
        let x = taken.enter().open().trace_entry().call(K::syscall);
        let x: At<'_, _, Masked> = between(x, |frame, ()| {
            forge::mask_irqs::<K>();
            if look().traces().any_of(Flags::SYSCALL_EXIT) {
                let _back = <Chooses as SyscallWork<K>>::exit(forge::cpu::<K, Process>(), frame);
            }
            carries(1);
            forge::mask::<P, NoIrq>();
        });
        x.prepare().restore()
    };
}

enum RestartTwice {}
impl Flavour for RestartTwice {
    type Backend = Daif<Simulated>;
    type Tracking = Tracked;
    type Tracing = TrackedIrqs;
    fn interrupted(frame: &mut Frame) -> Option<Interrupted> {
        let syscall = frame.syscall;
        let interrupted = frame.interrupted_syscall();
        frame.syscall = syscall;
        interrupted
    }
}

enum SignalReturnRestarts {}
impl Flavour for SignalReturnRestarts {
    type Backend = Daif<Simulated>;
    type Tracking = Tracked;
    type Tracing = TrackedIrqs;
    fn forget_syscall(_: &mut Frame) {}
}
