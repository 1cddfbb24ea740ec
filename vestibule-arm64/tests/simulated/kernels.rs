//! Kernels whose bodies and hooks say that they ran, and do what a test wants of them.

use crate::cpu::{Simulated, step, with};
use crate::hardware::{INTERRUPT, NMI};
use crate::scenario::{die, other_task};
use core::marker::PhantomData;
use vestibule::{
    Atomic, Broken, Call, Cause, Checks, ContextTracking, Cpu, Critical, Error, Flags, Hardirq, Inherit, IrqTracing,
    Kernel, Machine, NoIrq, NoNmi, Process, Scheduler, Softirqs, SyscallWork, UserWork,
};
use vestibule_arm64::breakpoints::Hit;
use vestibule_arm64::tags::KernelFault;
use vestibule_arm64::{Arm64, Backend, Bodies, Daif, Frame, GicV3, switch};

/// A token of a kernel of that flavour.
pub type Token<F, C> = Cpu<Test<F>, C>;

/// What makes one kernel differ from another. Bodies do nothing unless they are given.
pub trait Flavour: Sized + 'static {
    type Backend: Backend<Hardware = Simulated>;
    type Scheduler: Scheduler<Test<Self>>;
    type ContextTracking: ContextTracking<Test<Self>>;
    type IrqTracing: IrqTracing<Test<Self>>;
    type UserWork: UserWork<Test<Self>>;
    type SyscallWork: SyscallWork<Test<Self>>;
    type Softirqs: Softirqs<Test<Self>>;
    type Checks: Checks;
    /// What becomes of breakpoints and watchpoints of user mode.
    const HIT: Hit = Hit::Told;

    /// There are tag checks; of the kernel's accesses, too.
    const TAG_CHECKS: bool = false;
    const CHECKS_OWN_TAGS: bool = false;

    fn syscall(cpu: Token<Self, Process>, _: &mut Frame) -> Token<Self, Process> {
        cpu
    }
    fn user_abort(cpu: Token<Self, Process>, _: &mut Frame) -> Token<Self, Process> {
        cpu
    }
    fn user_step(cpu: Token<Self, Process>, _: &mut Frame) -> Token<Self, Process> {
        cpu
    }
    fn kernel_abort(cpu: Token<Self, Inherit>, _: &mut Frame) -> Token<Self, Inherit> {
        cpu
    }
    fn interrupt(cpu: Token<Self, Hardirq>, _: &mut Frame) -> Token<Self, Hardirq> {
        cpu
    }
    fn nmi(cpu: Token<Self, NoNmi>, _: &mut Frame) -> Token<Self, NoNmi> {
        cpu
    }
    fn finish_switch(cpu: Token<Self, NoIrq>) -> Token<Self, NoIrq> {
        cpu
    }
}

/// A kernel on some backend of the simulated CPU.
pub trait Subject: Bodies<Backend: Backend<Hardware = Simulated>> {}
impl<K: Bodies<Backend: Backend<Hardware = Simulated>>> Subject for K {}

/// A kernel of that flavour.
pub struct Test<F>(PhantomData<F>);

impl<F: Flavour> Kernel for Test<F> {
    type Machine = Arm64<F::Backend>;
    type Scheduler = F::Scheduler;
    type ContextTracking = F::ContextTracking;
    type IrqTracing = F::IrqTracing;
    type UserWork = F::UserWork;
    type SyscallWork = F::SyscallWork;
    type Softirqs = F::Softirqs;
    type Checks = F::Checks;
}

/// Something of the kernel's runs, in these masks.
pub fn runs(what: &str) {
    let masks = with(|state| format!("[{}] on the {} stack", state.masks(), state.stack()));
    step(format!("{what} {masks}"));
}

macro_rules! bodies {
    ($($body:ident: $context:ident $(=> $flavour:ident)?;)*) => {$(
        fn $body(cpu: Cpu<Self, $context>, _frame: &mut Frame) -> Cpu<Self, $context> {
            runs(concat!("body ", stringify!($body)));
            $(let cpu = F::$flavour(cpu, _frame);)?
            cpu
        }
    )*};
}

impl<F: Flavour> Bodies for Test<F> {
    type Backend = F::Backend;
    type Controller = GicV3<F::Backend>;
    const TAG_CHECKS: bool = F::TAG_CHECKS;

    fn checks_own_tags() -> bool {
        F::CHECKS_OWN_TAGS
    }
    fn kernel_tag_fault(fault: KernelFault<'_>) {
        let by = match fault {
            KernelFault::Interrupted(_) => "what was interrupted",
            KernelFault::Exit(_) => "what ran since",
            KernelFault::Switch => "the task that is left",
        };
        runs(&format!("tag fault of {by}"));
    }

    fn die(_: vestibule_arm64::Dying<Self>, what: &'static str, frame: &Frame) -> ! {
        let without = if frame.syndrome == 0 { ", which has no syndrome," } else { "" };
        runs(&format!("die of {what}{without}"));
        die()
    }

    bodies! {
        syscall: Process => syscall;
        syscall_again: Process;
        user_abort: Process => user_abort;
        kernel_abort: Inherit => kernel_abort;
        user_brk: Process;
        user_step: Process => user_step;
        user_hit: Process;
        kernel_brk: Critical;
        kernel_breakpoint: Critical;
        kernel_watchpoint: Critical;
        kernel_step: Critical;
        user_undefined: Process;
        kernel_undefined: Inherit;
        serror_corrected: Error;
        user_serror: Process;
        user_unhandled: Process;
    }

    fn user_breakpoint(cpu: Cpu<Self, Critical>, _: &mut Frame) -> (Cpu<Self, Critical>, Hit) {
        runs("body user_breakpoint");
        (cpu, F::HIT)
    }

    fn user_watchpoint(cpu: Cpu<Self, Critical>, _: &mut Frame) -> (Cpu<Self, Critical>, Hit) {
        runs("body user_watchpoint");
        (cpu, F::HIT)
    }

    fn interrupt(cpu: Cpu<Self, Hardirq>, interrupt: u32, frame: &mut Frame) -> Cpu<Self, Hardirq> {
        assert_eq!(u64::from(interrupt), INTERRUPT);
        with(|state| state.require(state.synchronised, "an interrupt is handled before an ISB"));
        runs("body interrupt");
        F::interrupt(cpu, frame)
    }

    fn nmi(cpu: Cpu<Self, NoNmi>, interrupt: u32, frame: &mut Frame) -> Cpu<Self, NoNmi> {
        assert_eq!(u64::from(interrupt), NMI);
        with(|state| state.require(state.synchronised, "an NMI is handled before an ISB"));
        runs("body nmi");
        F::nmi(cpu, frame)
    }

    fn finish_switch(cpu: Cpu<Self, NoIrq>) -> Cpu<Self, NoIrq> {
        runs("body finish_switch");
        F::finish_switch(cpu)
    }
}

/// Hooks that say that they ran.
pub enum Recorded {}

impl<K: Kernel<Machine: Machine<Frame = Frame>>> Scheduler<K> for Recorded {
    fn schedule(cpu: Cpu<K, NoIrq>, cause: Cause<K>) -> Cpu<K, NoIrq> {
        runs(&format!("schedule {:?}", cause.why()));
        <() as Scheduler<K>>::schedule(cpu, cause)
    }
}

/// A scheduler that does as `S`, and always runs the other of two tasks.
pub struct TakingTurns<S>(PhantomData<S>);

impl<K: Subject, S: Scheduler<K>> Scheduler<K> for TakingTurns<S> {
    fn schedule(cpu: Cpu<K, NoIrq>, cause: Cause<K>) -> Cpu<K, NoIrq> {
        let cpu = S::schedule(cpu, cause);
        // SAFETY: it waits where it was prepared or switched from.
        unsafe { switch::switch(cpu, other_task()) }
    }
}

impl<K: Kernel<Machine: Machine<Frame = Frame>>> UserWork<K> for Recorded {
    fn signal(cpu: Cpu<K, Process>, frame: &mut Frame) -> Cpu<K, Process> {
        runs("work signal");
        <() as UserWork<K>>::signal(cpu, frame)
    }
    fn notify_resume(cpu: Cpu<K, Process>, frame: &mut Frame) -> Cpu<K, Process> {
        runs("work notify_resume");
        <() as UserWork<K>>::notify_resume(cpu, frame)
    }
    fn other(cpu: Cpu<K, Process>, frame: &mut Frame) -> Cpu<K, Process> {
        runs("work other");
        <() as UserWork<K>>::other(cpu, frame)
    }
}

impl<K: Kernel<Machine: Machine<Frame = Frame>>> SyscallWork<K> for Recorded {
    const ON: bool = true;
    fn entry(cpu: Cpu<K, Process>, _: &mut Frame) -> (Cpu<K, Process>, Call) {
        runs("work trace entry");
        (cpu, if with(|state| state.tracer_skips) { Call::Skip } else { Call::Make })
    }
    fn exit(cpu: Cpu<K, Process>, _: &mut Frame) -> Cpu<K, Process> {
        runs("work trace exit");
        cpu
    }
}

impl<K: Kernel<Machine: Machine<Frame = Frame>>> Softirqs<K> for Recorded {
    fn pending(_: &Cpu<K, NoIrq>) -> bool {
        let pending = with(|state| state.softirqs > 0);
        step(if pending { "softirqs are pending" } else { "no softirqs" });
        pending
    }
    fn run(cpu: Cpu<K, Atomic>) -> Cpu<K, Atomic> {
        with(|state| state.softirqs -= 1);
        runs("softirqs run");
        cpu
    }
}

impl Checks for Recorded {
    const ON: bool = true;
    fn holds_nothing() -> bool {
        with(|state| !state.holds_lock)
    }
    fn broken(what: Broken) {
        with(|state| state.broken(what));
        step(format!("!! C{} at {}", what.constraint, what.at));
    }
}

/// A kernel that takes everything: tracked, traced, checked.
macro_rules! watched {
    ($name:ident $(on $backend:ident)? { $($body:item)* }) => {
        $crate::kernels::watched!($name $(on $backend)?, vestibule::Tracked, vestibule::TrackedIrqs { $($body)* });
    };
    ($name:ident, $tracking:ty, $tracing:ty { $($body:item)* }) => {
        $crate::kernels::watched!($name on Daif, $tracking, $tracing { $($body)* });
    };
    ($name:ident on $backend:ident, $tracking:ty, $tracing:ty { $($body:item)* }) => {
        pub enum $name {}
        impl $crate::kernels::Flavour for $name {
            type Backend = vestibule_arm64::$backend<$crate::cpu::Simulated>;
            type Scheduler = $crate::kernels::Recorded;
            type ContextTracking = $tracking;
            type IrqTracing = $tracing;
            type UserWork = $crate::kernels::Recorded;
            type SyscallWork = $crate::kernels::Recorded;
            type Softirqs = $crate::kernels::Recorded;
            type Checks = $crate::kernels::Recorded;
            $($body)*
        }
    };
}
pub(crate) use watched;

watched!(Everything {});
/// The kernel that most tests run.
pub type Watched = Test<Everything>;
watched!(EverythingByPriority on Pmr {});
/// The same where NMIs are interrupts of a priority.
pub type WatchedPmr = Test<EverythingByPriority>;
watched!(EverythingBySuperpriority on AllInt {});
/// The same where NMIs have superpriority.
pub type WatchedAllInt = Test<EverythingBySuperpriority>;

/// A kernel that takes nothing.
pub enum Nothing {}
impl Flavour for Nothing {
    type Backend = Daif<Simulated>;
    type Scheduler = ();
    type ContextTracking = ();
    type IrqTracing = ();
    type UserWork = ();
    type SyscallWork = ();
    type Softirqs = ();
    type Checks = ();
}
/// The smallest kernel there is.
pub type Plain = Test<Nothing>;

/// Every flag that reschedules.
pub const RESCHED: Flags = Flags::RESCHED;
