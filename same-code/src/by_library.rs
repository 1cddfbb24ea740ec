//! The library's entry code, for this kernel.

use crate::hooks;
use core::marker::PhantomData;
use vestibule::{
    Atomic, Call, Cause, ContextTracking, Cpu, Critical, Error, Hardirq, Inherit, IrqTracing, Kernel, NoIrq, NoNmi,
    Process, Scheduler, Softirqs, Step, SyscallWork, UserWork,
};
use vestibule_arm64::breakpoints::Hit;
use vestibule_arm64::{AllInt, Arm64, Backend, Bodies, Daif, Frame, GicV3, On, Pmr, Real, entry};

/// The kernel with that tracking, on that backend.
pub struct Opaque<Tracking, B>(PhantomData<(Tracking, B)>);
/// Tracking and tracing answered for.
pub enum Tracked {}
/// Everything else answered for.
pub enum Others {}

/// With every concern answered for.
type Full<B> = On<Opaque<Tracked, B>>;
/// With neither tracking nor tracing.
type Bare<B> = On<Opaque<(), B>>;

type Entry = unsafe extern "C" fn(&mut Frame);

macro_rules! entries {
    ($port:ty) => {
        [
            entry::el1_sync::<$port>,
            entry::el1_irq::<$port>,
            entry::el1_fiq::<$port>,
            entry::el1_serror::<$port>,
            entry::el0_sync::<$port>,
            entry::el0_irq::<$port>,
            entry::el0_fiq::<$port>,
            entry::el0_serror::<$port>,
            entry::unexpected::<$port, true>,
            entry::unexpected::<$port, false>,
            entry::stack_overflow::<$port, true>,
            entry::stack_overflow::<$port, false>,
        ]
    };
}

/// In the order that both have.
#[unsafe(no_mangle)]
pub static ENTRIES: [[Entry; 12]; 6] = [
    entries!(Full<Daif<Real>>),
    entries!(Bare<Daif<Real>>),
    entries!(Full<Pmr<Real>>),
    entries!(Bare<Pmr<Real>>),
    entries!(Full<AllInt<Real>>),
    entries!(Bare<AllInt<Real>>),
];

/// The exit of a system call that was never made.
#[unsafe(no_mangle)]
pub static FIRST: AllFirsts = (
    (entry::first::<Full<_>>, entry::first::<Bare<_>>),
    (entry::first::<Full<_>>, entry::first::<Bare<_>>),
    (entry::first::<Full<_>>, entry::first::<Bare<_>>),
);
type AllFirsts = (Firsts<Daif<Real>>, Firsts<Pmr<Real>>, Firsts<AllInt<Real>>);
type Firsts<B> = (First<Tracked, B>, First<(), B>);
type First<Tracking, B> = unsafe fn(Cpu<Opaque<Tracking, B>, Process>, &mut Frame);

macro_rules! kernel {
    ($tracking:ty) => {
        impl<B: Backend> Kernel for Opaque<$tracking, B> {
            type Machine = Arm64<B>;
            type Scheduler = Others;
            type ContextTracking = $tracking;
            type IrqTracing = $tracking;
            type UserWork = Others;
            type SyscallWork = Others;
            type Softirqs = Others;
            type Checks = ();
        }

        impl<B: Backend> Bodies for Opaque<$tracking, B> {
            type Backend = B;
            type Controller = GicV3<B>;

            #[inline(always)]
            fn die(_: vestibule_arm64::Dying<Self>, what: &'static str, frame: &Frame) -> ! {
                hooks::die(what, frame)
            }
            #[inline(always)]
            fn syscall(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
                hooks::body_syscall(frame);
                cpu
            }
            #[inline(always)]
            fn user_abort(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
                hooks::body_user_abort(frame);
                cpu
            }
            #[inline(always)]
            fn kernel_abort(cpu: Cpu<Self, Inherit>, frame: &mut Frame) -> Cpu<Self, Inherit> {
                hooks::body_kernel_abort(frame);
                cpu
            }
            #[inline(always)]
            fn user_brk(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
                hooks::body_user_brk(frame);
                cpu
            }
            #[inline(always)]
            fn user_step(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
                hooks::body_user_step(frame);
                cpu
            }
            #[inline(always)]
            fn user_breakpoint(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> (Cpu<Self, Critical>, Hit) {
                (cpu, hooks::body_user_breakpoint(frame))
            }
            #[inline(always)]
            fn user_watchpoint(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> (Cpu<Self, Critical>, Hit) {
                (cpu, hooks::body_user_watchpoint(frame))
            }
            #[inline(always)]
            fn user_hit(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
                hooks::body_user_hit(frame);
                cpu
            }
            #[inline(always)]
            fn kernel_breakpoint(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
                hooks::body_kernel_breakpoint(frame);
                cpu
            }
            #[inline(always)]
            fn kernel_watchpoint(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
                hooks::body_kernel_watchpoint(frame);
                cpu
            }
            #[inline(always)]
            fn kernel_step(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
                hooks::body_kernel_step(frame);
                cpu
            }
            #[inline(always)]
            fn kernel_brk(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
                hooks::body_kernel_brk(frame);
                cpu
            }
            #[inline(always)]
            fn user_undefined(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
                hooks::body_user_undefined(frame);
                cpu
            }
            #[inline(always)]
            fn kernel_undefined(cpu: Cpu<Self, Inherit>, frame: &mut Frame) -> Cpu<Self, Inherit> {
                hooks::body_kernel_undefined(frame);
                cpu
            }
            #[inline(always)]
            fn interrupt(cpu: Cpu<Self, Hardirq>, interrupt: u32, frame: &mut Frame) -> Cpu<Self, Hardirq> {
                hooks::body_interrupt(interrupt, frame);
                cpu
            }
            #[inline(always)]
            fn nmi(cpu: Cpu<Self, NoNmi>, interrupt: u32, frame: &mut Frame) -> Cpu<Self, NoNmi> {
                hooks::body_nmi(interrupt, frame);
                cpu
            }
            #[inline(always)]
            fn serror_corrected(cpu: Cpu<Self, Error>, frame: &mut Frame) -> Cpu<Self, Error> {
                hooks::body_serror_corrected(frame);
                cpu
            }
            #[inline(always)]
            fn user_serror(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
                hooks::body_user_serror(frame);
                cpu
            }
            #[inline(always)]
            fn user_unhandled(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
                hooks::body_user_unhandled(frame);
                cpu
            }
        }
    };
}
kernel!(Tracked);
kernel!(());

impl<K: Kernel> Scheduler<K> for Others {
    #[inline(always)]
    fn schedule(cpu: Cpu<K, NoIrq>, cause: Cause<K>) -> Cpu<K, NoIrq> {
        hooks::schedule(cause.why());
        cpu
    }
}

impl<K: Bodies> UserWork<K> for Others {
    #[inline(always)]
    fn signal(cpu: Cpu<K, Process>, frame: &mut Frame) -> Cpu<K, Process> {
        hooks::work_signal(frame);
        cpu
    }
    #[inline(always)]
    fn notify_resume(cpu: Cpu<K, Process>, frame: &mut Frame) -> Cpu<K, Process> {
        hooks::work_notify_resume(frame);
        cpu
    }
    #[inline(always)]
    fn other(cpu: Cpu<K, Process>, frame: &mut Frame) -> Cpu<K, Process> {
        hooks::work_other(frame);
        cpu
    }
}

impl<K: Bodies> SyscallWork<K> for Others {
    const ON: bool = true;
    #[inline(always)]
    fn entry(cpu: Cpu<K, Process>, frame: &mut Frame) -> (Cpu<K, Process>, Call) {
        (cpu, hooks::trace_entry(frame))
    }
    #[inline(always)]
    fn exit(cpu: Cpu<K, Process>, frame: &mut Frame) -> Cpu<K, Process> {
        hooks::trace_exit(frame);
        cpu
    }
}

impl<K: Kernel> Softirqs<K> for Others {
    #[inline(always)]
    fn pending(_: &Cpu<K, NoIrq>) -> bool {
        hooks::softirqs_pending()
    }
    #[inline(always)]
    fn run(cpu: Cpu<K, Atomic>) -> Cpu<K, Atomic> {
        hooks::softirqs_run();
        cpu
    }
}

impl<K: Kernel> ContextTracking<K> for Tracked {
    const ON: bool = true;
    #[inline(always)]
    fn watching() -> bool {
        true
    }
    #[inline(always)]
    fn eqs_exit(_: Step<Self>) {
        hooks::tracking_eqs_exit();
    }
    #[inline(always)]
    fn eqs_enter(_: Step<Self>) {
        hooks::tracking_eqs_enter();
    }
    #[inline(always)]
    fn irq_enter(_: Step<Self>) {
        hooks::tracking_irq_enter();
    }
    #[inline(always)]
    fn irq_exit(_: Step<Self>) {
        hooks::tracking_irq_exit();
    }
}

impl<K: Kernel> IrqTracing<K> for Tracked {
    const ON: bool = true;
    #[inline(always)]
    fn off(_: Step<Self>) {
        hooks::irqs_off();
    }
    #[inline(always)]
    fn off_finish(_: Step<Self>) {
        hooks::irqs_off_finish();
    }
    #[inline(always)]
    fn on_prepare(_: Step<Self>) {
        hooks::irqs_on_prepare();
    }
    #[inline(always)]
    fn on(_: Step<Self>) {
        hooks::irqs_on();
    }
    #[inline(always)]
    fn believes_on() -> bool {
        hooks::irqs_believed_on()
    }
}
