//! The model's own kernel: hooks and bodies that do, at the search's choice, everything that a kernel's may, and hold the
//! library to what it promises them.

use std::marker::PhantomData;

use vestibule::{
    Atomic, Broken, Call, Cause, Checks, ContextTracking, Cpu, Critical, Error, Flags, Hardirq, Inherit, IrqTracing,
    IrqsSaved, Kernel, NoIrq, NoNmi, Process, Resolved, Scheduler, Softirqs, SyscallWork, Tracked, TrackedIrqs,
    UserWork, Why,
};
use vestibule_arm64::breakpoints::{Hit, Kind};
use vestibule_arm64::tags::KernelFault;
use vestibule_arm64::{Arm64, Backend, Bodies, Daif, Frame, GicV3, Interrupted, On, Thread, current, fpsimd, switch};

use crate::event::Exception;
use crate::family::Family;
use crate::ghost::Outcome;
use crate::hardware::Simulated;
use crate::observe::{Promise, becomes, changing, forget, hook, scheduling, traces_entry, traces_exit, within};
use crate::op::Op;
use crate::step::{choose, step};
use crate::stepping;
use crate::tagging;
use crate::vector::take;
use crate::world::{Bound, IDLE, World, with};

/// What may be exchanged in it.
pub trait Flavour: Sized + 'static {
    /// How contexts lie on the simulated CPU.
    type Backend: Backend<Hardware = Simulated>;
    /// There are tag checks.
    const TAG_CHECKS: bool = false;
    /// Context tracking.
    type Tracking: ContextTracking<Reference<Self>>;
    /// Interrupt-state tracking.
    type Tracing: IrqTracing<Reference<Self>>;
    /// The task switch: the shipped one.
    ///
    /// # Safety
    /// As [`switch::switch`].
    unsafe fn switch(cpu: Cpu<Reference<Self>, NoIrq>, to: &Thread) -> Cpu<Reference<Self>, NoIrq> {
        // SAFETY: the caller's.
        unsafe { switch::switch(cpu, to) }
    }
    /// Whether a system call was interrupted: as shipped.
    fn interrupted(frame: &mut Frame) -> Option<Interrupted> {
        frame.interrupted_syscall()
    }
    /// A signal's return makes the frame nobody's result: as shipped.
    fn forget_syscall(frame: &mut Frame) {
        frame.forget_syscall();
    }
}

/// Everything that the library has, on one of its backends; tag checks if they are wanted.
pub struct Everything<B = Daif<Simulated>, const TAG_CHECKS: bool = false>(PhantomData<B>);
impl<B: Backend<Hardware = Simulated>, const TAG_CHECKS: bool> Flavour for Everything<B, TAG_CHECKS> {
    type Backend = B;
    type Tracking = Tracked;
    type Tracing = TrackedIrqs;
    const TAG_CHECKS: bool = TAG_CHECKS;
}

/// The same, with tag checks.
pub type Tagged<B = Daif<Simulated>> = Everything<B, true>;

/// The kernel.
pub struct Reference<F>(PhantomData<F>);

/// It on its backend.
pub type PortOf<F> = On<Reference<F>>;

impl<F: Flavour> Kernel for Reference<F> {
    type Machine = Arm64<F::Backend>;
    type Scheduler = Chooses;
    type ContextTracking = F::Tracking;
    type IrqTracing = F::Tracing;
    type UserWork = Chooses;
    type SyscallWork = Chooses;
    type Softirqs = Chooses;
    type Checks = Chooses;
}

/// Hooks whose every decision is the search's.
pub enum Chooses {}

/// The kernel's own code, a step of it.
fn point(what: &'static str) {
    step(Op::Kernel(what), 0);
}

/// Masks and counts as bodies do.
fn guards<F: Flavour>(cpu: &mut Cpu<Reference<F>, Process>) {
    match choose(4) {
        1 => {
            let _off = cpu.irqs_off();
            point("interrupts off");
        }
        2 => {
            let mut off = cpu.preempt_off();
            point("preemption off");
            if choose(2) == 1 {
                let _both = off.irqs_off();
                point("preemption and interrupts off");
            }
        }
        3 => {
            let _saved = IrqsSaved::<Reference<F>>::save();
            point("interrupts saved");
        }
        _ => {}
    }
}

/// What the caller of `resolve` learns.
fn sleeps_or_not<F: Flavour>(resolved: &Resolved<Reference<F>>) -> u64 {
    u64::from(matches!(resolved, Resolved::Process(_)))
}

/// What runs for the task, with everything open.
fn works<F: Flavour>(mut cpu: Cpu<Reference<F>, Process>) -> Cpu<Reference<F>, Process> {
    tagging::copies();
    tagging::kernel_accesses();
    forget(
        |()| 0,
        || match choose(with(
            |world| if world.limits.reductions.has(Bound::Works) { world.design.family.works() } else { 5 },
        )) {
            1 => cpu.task_word().set::<Arm64<F::Backend>>(Flags::SIGNAL),
            2 => take(Exception::DataAbort),
            3 => guards(&mut cpu),
            4 => cpu.schedule(),
            _ => {}
        },
    );
    cpu
}

/// The result of a call that was interrupted (ERESTARTSYS), as X0 has it.
pub(crate) const RESTART: u64 = 512_u64.wrapping_neg();
/// The result of one that failed.
pub(crate) const EINTR: u64 = 4_u64.wrapping_neg();
/// The result of one that was made.
pub(crate) const MADE: u64 = 0;
/// The result that a tracer gave.
pub(crate) const SKIPPED: u64 = 38_u64.wrapping_neg();

/// What a system call may be and end with, where it is the family's subject: somebody begins to trace the task, a signal has
/// interrupted it, or it was a signal's return.
fn calls<F: Flavour>(cpu: Cpu<Reference<F>, Process>, frame: &mut Frame) -> Cpu<Reference<F>, Process> {
    frame.regs[0] = MADE;
    becomes(Outcome::Made);
    if with(|world| world.design.family != Family::Call) {
        return cpu;
    }
    match choose(4) {
        1 => cpu.task_word().set::<Arm64<F::Backend>>(Flags::SYSCALL_EXIT),
        2 => {
            frame.regs[0] = RESTART;
            becomes(Outcome::Interrupted);
            cpu.task_word().set::<Arm64<F::Backend>>(Flags::SIGNAL);
        }
        3 => {
            F::forget_syscall(frame);
            frame.regs[0] = RESTART;
            becomes(Outcome::Returned);
            cpu.task_word().set::<Arm64<F::Backend>>(Flags::SIGNAL);
        }
        _ => {}
    }
    cpu
}

/// Whether the interrupted system call is made again. A handler may run first.
fn decides<F: Flavour>(frame: &mut Frame) {
    let interrupted = F::interrupted(frame);
    with(|world| world.check_decision(interrupted.is_some()));
    let Some(interrupted) = interrupted else { return };
    if choose(2) == 1 {
        interrupted.handled(false, frame);
        becomes(Outcome::Failed);
    } else {
        interrupted.not_handled(frame);
        becomes(Outcome::Again);
    }
}

impl<F: Flavour> SyscallWork<Reference<F>> for Chooses {
    const ON: bool = true;
    fn entry(cpu: Cpu<Reference<F>, Process>, frame: &mut Frame) -> (Cpu<Reference<F>, Process>, Call) {
        traces_entry(frame, |frame| match choose(3) {
            1 => {
                frame.regs[0] = SKIPPED;
                (cpu, Call::Skip)
            }
            2 => {
                cpu.task_word().clear::<Arm64<F::Backend>>(Flags::SYSCALL_ENTRY.and(Flags::SYSCALL_EXIT));
                (cpu, Call::Make)
            }
            _ => (cpu, Call::Make),
        })
    }
    fn exit(cpu: Cpu<Reference<F>, Process>, frame: &mut Frame) -> Cpu<Reference<F>, Process> {
        traces_exit(frame, || cpu)
    }
}

impl<F: Flavour> Bodies for Reference<F> {
    type Backend = F::Backend;
    type Controller = GicV3<F::Backend>;
    const TAG_CHECKS: bool = F::TAG_CHECKS;

    fn checks_own_tags() -> bool {
        with(|world| world.checks_own_tags())
    }
    fn kernel_tag_fault(fault: KernelFault<'_>) {
        tagging::told(fault);
    }

    fn die(_: vestibule_arm64::Dying<Self>, what: &'static str, frame: &Frame) -> ! {
        crate::observe::dies(what, frame)
    }

    fn syscall(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        changing("system call", Promise::User, frame, |frame| calls(works(cpu), frame))
    }
    fn syscall_again(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        becomes(Outcome::Again);
        within("system call, again", Promise::User, frame, || cpu)
    }
    fn user_abort(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        within("user abort", Promise::User, frame, || works(cpu))
    }
    fn user_brk(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        within("user BRK", Promise::User, frame, || works(cpu))
    }
    fn user_step(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        with(World::tell_step);
        within("user step", Promise::User, frame, || works(cpu))
    }
    fn user_breakpoint(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> (Cpu<Self, Critical>, Hit) {
        let hit = within("user breakpoint", Promise::Critical, frame, || stepping::hit(Kind::Breakpoint));
        (cpu, hit)
    }
    fn user_watchpoint(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> (Cpu<Self, Critical>, Hit) {
        let hit = within("user watchpoint", Promise::Critical, frame, || stepping::hit(Kind::Watchpoint));
        (cpu, hit)
    }
    fn user_hit(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        within("told of it", Promise::User, frame, || works(cpu))
    }
    fn user_undefined(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        within("user undefined", Promise::User, frame, || works(cpu))
    }
    fn user_serror(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        with(|world| world.check_serror(Exception::ContainedError));
        within("user SError", Promise::User, frame, || works(cpu))
    }
    fn user_unhandled(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        within("user unhandled", Promise::User, frame, || works(cpu))
    }

    fn kernel_abort(cpu: Cpu<Self, Inherit>, frame: &mut Frame) -> Cpu<Self, Inherit> {
        within("kernel abort", Promise::Inherited, frame, || {
            tagging::kernel_accesses();
            match forget(sleeps_or_not, || cpu.resolve()) {
                Resolved::Process(mut cpu) => {
                    with(|world| world.check_may_sleep());
                    match choose(3) {
                        1 => cpu.schedule(),
                        // It wakes somebody, and leaves the rest to its exit.
                        2 => cpu.task_word().set::<Arm64<F::Backend>>(Flags::RESCHED),
                        _ => {}
                    }
                    Resolved::Process(cpu).inherit()
                }
                masked => masked.inherit(),
            }
        })
    }
    fn kernel_undefined(cpu: Cpu<Self, Inherit>, frame: &mut Frame) -> Cpu<Self, Inherit> {
        within("kernel undefined", Promise::Inherited, frame, || cpu)
    }
    fn kernel_brk(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
        within("kernel BRK", Promise::Critical, frame, || cpu)
    }
    fn kernel_breakpoint(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
        within("kernel breakpoint", Promise::Critical, frame, || cpu)
    }
    fn kernel_watchpoint(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
        within("kernel watchpoint", Promise::Critical, frame, || cpu)
    }
    fn kernel_step(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
        within("kernel step", Promise::Critical, frame, || cpu)
    }
    fn serror_corrected(cpu: Cpu<Self, Error>, frame: &mut Frame) -> Cpu<Self, Error> {
        with(|world| world.check_serror(Exception::CorrectedError));
        within("corrected SError", Promise::Error, frame, || cpu)
    }

    fn interrupt(cpu: Cpu<Self, Hardirq>, _: u32, frame: &mut Frame) -> Cpu<Self, Hardirq> {
        within("interrupt", Promise::Hardirq, frame, || {
            tagging::kernel_accesses();
            handles(&cpu);
            cpu
        })
    }

    fn nmi(cpu: Cpu<Self, NoNmi>, _: u32, frame: &mut Frame) -> Cpu<Self, NoNmi> {
        within("NMI", Promise::Nmi, frame, || {
            match choose(3) {
                1 => take(Exception::DataAbort),
                // Work for an interrupt that this raises here: any may come as soon as they are open.
                2 => {
                    let _saved = IrqsSaved::<Self>::save();
                    point("NMI queues work");
                }
                _ => {}
            }
            cpu
        })
    }

    fn finish_switch(cpu: Cpu<Self, NoIrq>) -> Cpu<Self, NoIrq> {
        point("a new task");
        cpu
    }
}

/// A device's interrupt, the tick's or another CPU's.
fn handles<F: Flavour>(cpu: &Cpu<Reference<F>, Hardirq>) {
    match choose(6) {
        1 => cpu.task_word().set::<Arm64<F::Backend>>(Flags::RESCHED),
        2 if with(World::wake) => cpu.task_word().set::<Arm64<F::Backend>>(Flags::RESCHED),
        3 => with(World::raise_softirq),
        4 => take(Exception::DataAbort),
        5 if with(|world| !world.limits.reductions.has(Bound::Kinds) || world.design.family == Family::Handler) => {
            cpu.task_word().set::<Arm64<F::Backend>>(Flags::RESCHED_LAZY)
        }
        _ => {}
    }
}

impl<F: Flavour> Scheduler<Reference<F>> for Chooses {
    fn schedule(cpu: Cpu<Reference<F>, NoIrq>, cause: Cause<Reference<F>>) -> Cpu<Reference<F>, NoIrq> {
        scheduling(cause.why(), || {
            point(match cause.why() {
                Why::Asked => "schedule: asked",
                Why::KernelExit(_) => "schedule: preempted on exit to the kernel",
                Why::UserExit => "schedule: on exit to user mode",
                Why::PreemptionEnabled => "schedule: preemption enabled",
            });
            current(&cpu).word().clear::<Arm64<F::Backend>>(Flags::RESCHED.and(Flags::RESCHED_LAZY));
            let next = pick();
            if next == with(|world| world.current) {
                return cpu;
            }
            if with(|world| world.tasks[next].slept) && choose(2) == 1 {
                with(|world| world.write_fpsimd(next));
            }
            // SAFETY: the model's tasks live as long as the machine, were prepared or switched from, and have one CPU.
            unsafe { F::switch(cpu, with(|world| world.thread(next))) }
        })
    }
}

/// Another task that can run, or the same again if the search wants so.
fn pick() -> usize {
    let (current, other, runnable) = with(|world| {
        let other = (0..IDLE).find(|task| *task != world.current && world.tasks[*task].runnable);
        (world.current, other, world.current != IDLE && world.tasks[world.current].runnable)
    });
    match other {
        Some(_) if runnable && choose(2) == 1 => current,
        Some(other) => other,
        None if runnable => current,
        None => IDLE,
    }
}

impl<F: Flavour> UserWork<Reference<F>> for Chooses {
    fn signal(cpu: Cpu<Reference<F>, Process>, frame: &mut Frame) -> Cpu<Reference<F>, Process> {
        hook("signal", frame, |frame| {
            cpu.task_word().clear::<Arm64<F::Backend>>(Flags::SIGNAL);
            decides::<F>(frame);
            let is_stepped = with(|world| world.design.family == Family::Step);
            let mut cpu = if is_stepped { stepping::chooses(cpu, frame) } else { works(cpu) };
            // Into the signal's frame, and back when it returns.
            let registers = fpsimd::registers(&cpu);
            // SAFETY: the task goes on, and copies them at once.
            let saved = unsafe { *fpsimd::save(&cpu) };
            with(|world| {
                world.check(
                    127,
                    saved.vectors[0] == registers.vectors[0],
                    "what is saved for a signal is not what is there",
                )
            });
            fpsimd::set_registers(&mut cpu, &registers);
            cpu
        })
    }
    fn notify_resume(cpu: Cpu<Reference<F>, Process>, frame: &mut Frame) -> Cpu<Reference<F>, Process> {
        hook("notify-resume", frame, |_| {
            cpu.task_word().clear::<Arm64<F::Backend>>(Flags::NOTIFY_RESUME);
            cpu
        })
    }
    fn other(cpu: Cpu<Reference<F>, Process>, frame: &mut Frame) -> Cpu<Reference<F>, Process> {
        hook("other work", frame, |_| {
            with(World::tell_tag_fault);
            cpu.task_word().clear::<Arm64<F::Backend>>(Flags::OTHER);
            cpu
        })
    }
}

impl<F: Flavour> Softirqs<Reference<F>> for Chooses {
    fn pending(_: &Cpu<Reference<F>, NoIrq>) -> bool {
        let pending = with(|world| world.environment.softirqs != 0);
        step(Op::Kernel("soft interrupts pending?"), u64::from(pending));
        pending
    }
    fn run(mut cpu: Cpu<Reference<F>, Atomic>) -> Cpu<Reference<F>, Atomic> {
        with(|world| world.environment.softirqs = 0);
        within("soft interrupts", Promise::Softirq, &mut Frame::default(), || {
            match choose(3) {
                1 => take(Exception::DataAbort),
                2 => {
                    let _off = cpu.irqs_off();
                    point("soft interrupt, interrupts off");
                }
                _ => {}
            }
            cpu
        })
    }
}

impl Checks for Chooses {
    const ON: bool = true;
    fn holds_nothing() -> bool {
        true
    }
    fn broken(what: Broken) {
        with(|world| world.broken(what));
        step(Op::Kernel("a check of the library fails"), 0);
    }
}
