//! What exceptions are taken for: the kernel's half of every handler.

use crate::breakpoints::{self, Hit, Kind};
use crate::controller::Line;
use crate::machine::Key;
use crate::serror::{Goes, Severity};
use crate::tags::KernelFault;
use crate::{Arm64, Backend, Frame, Hardware, InterruptController, el1, noinstr, step, syndrome};
use core::marker::PhantomData;
use vestibule::{Acknowledged, Cpu, Critical, Error, Hardirq, Inherit, Kernel, NoIrq, NoNmi, Port, Process, Taken};

/// A kernel's bodies. Each gets the context that its class promises and gives it back. What a kernel does not supply is
/// fatal.
pub trait Bodies: Kernel<Machine = Arm64<Self::Backend>> {
    /// The CPU, and how contexts lie on it.
    type Backend: Backend;
    /// Who says which interrupt it is.
    type Controller: InterruptController;
    /// Whether there are tag checks: if so, the CPU has MTE wherever [`tags::set`](crate::tags::set) asks for any, or
    /// [`checks_own_tags`](Bodies::checks_own_tags) says yes.
    const TAG_CHECKS: bool = false;

    /// Whether the kernel's own accesses are checked, asynchronously. From some moment before the first task switch on it is what it
    /// will be.
    #[inline(always)]
    fn checks_own_tags() -> bool {
        false
    }
    /// The kernel's own accesses failed a tag check. Everything masked, in the middle of anything that is not NMI-like: no
    /// locks, no wake-ups.
    fn kernel_tag_fault(fault: KernelFault<'_>) {
        let switched = Frame::default();
        let frame = match fault {
            KernelFault::Interrupted(frame) | KernelFault::Exit(frame) => frame,
            KernelFault::Switch => &switched,
        };
        die::<Self>("an access of the kernel failed a tag check", &mut frame.clone())
    }

    /// Nobody can go on. Counted as NMI-like, with everything masked but perhaps debug exceptions; the task's stack may be gone. A body
    /// comes here by [`die`].
    fn die(dying: Dying<Self>, what: &'static str, frame: &Frame) -> !;

    /// A system call: number in X8, arguments in X0 to X5, result in X0.
    fn syscall(_cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        die::<Self>("system call", frame)
    }
    /// A system call was not run, because an asynchronous tag check had failed before it; after the work that
    /// [`tags::FAULT`](crate::tags::FAULT) asks for it is made again.
    fn syscall_again(cpu: Cpu<Self, Process>, _frame: &mut Frame) -> Cpu<Self, Process> {
        cpu
    }
    /// A data or instruction abort of user mode. [`Frame::fault_address`] is valid.
    fn user_abort(_cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        die::<Self>("user abort", frame)
    }
    /// A data or instruction abort of the kernel, in whatever it was. [`Frame::fault_address`] is valid.
    fn kernel_abort(_cpu: Cpu<Self, Inherit>, frame: &mut Frame) -> Cpu<Self, Inherit> {
        die::<Self>("kernel abort", frame)
    }
    /// BRK in user mode.
    fn user_brk(_cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        die::<Self>("user BRK", frame)
    }
    /// One instruction of user mode was executed, as [`step::begin`](crate::step::begin) asked for. From here on the task is not
    /// stepped, unless that is asked for again.
    fn user_step(_cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        die::<Self>("software step in user mode", frame)
    }
    /// A breakpoint of user mode came before its instruction, with everything masked and preemption off; which one it is,
    /// [`hit`](crate::breakpoints::hit) says. If somebody is told, that is [`user_hit`](Bodies::user_hit).
    fn user_breakpoint(_cpu: Cpu<Self, Critical>, frame: &mut Frame) -> (Cpu<Self, Critical>, Hit) {
        die::<Self>("breakpoint in user mode", frame)
    }
    /// A watchpoint, before the access. [`Frame::fault_address`] is valid.
    fn user_watchpoint(_cpu: Cpu<Self, Critical>, frame: &mut Frame) -> (Cpu<Self, Critical>, Hit) {
        die::<Self>("watchpoint in user mode", frame)
    }
    /// A breakpoint or a watchpoint that somebody is to be told of: what is left to do, with everything open.
    fn user_hit(_cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        die::<Self>("breakpoint in user mode", frame)
    }
    /// A breakpoint of the kernel came before its instruction, with everything masked throughout. The instruction is executed next.
    fn kernel_breakpoint(_cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
        die::<Self>("breakpoint in the kernel", frame)
    }
    /// A watchpoint, before the access. [`Frame::fault_address`] is valid.
    fn kernel_watchpoint(_cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
        die::<Self>("watchpoint in the kernel", frame)
    }
    /// The kernel's instruction has been executed that one of those came before.
    fn kernel_step(cpu: Cpu<Self, Critical>, _frame: &mut Frame) -> Cpu<Self, Critical> {
        cpu
    }
    /// BRK in the kernel, with everything masked throughout.
    fn kernel_brk(_cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
        die::<Self>("kernel BRK", frame)
    }
    /// An undefined instruction of user mode.
    fn user_undefined(_cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        die::<Self>("undefined instruction in user mode", frame)
    }
    /// An undefined instruction of the kernel.
    fn kernel_undefined(_cpu: Cpu<Self, Inherit>, frame: &mut Frame) -> Cpu<Self, Inherit> {
        die::<Self>("undefined instruction in the kernel", frame)
    }
    /// An interrupt that was acknowledged and ends afterwards, on the interrupt stack.
    fn interrupt(_cpu: Cpu<Self, Hardirq>, _interrupt: u32, frame: &mut Frame) -> Cpu<Self, Hardirq> {
        die::<Self>("interrupt", frame)
    }
    /// An NMI that was acknowledged and ends afterwards. May have come in the middle of anything that is not an NMI itself: no
    /// locks, no wake-ups (C83). What has to be done with them waits for an interrupt that this raises on this CPU.
    fn nmi(_cpu: Cpu<Self, NoNmi>, _interrupt: u32, frame: &mut Frame) -> Cpu<Self, NoNmi> {
        die::<Self>("NMI", frame)
    }
    /// An SError that what was interrupted goes on after: corrected or restartable. May have come in the middle of anything: no locks,
    /// no wake-ups.
    fn serror_corrected(cpu: Cpu<Self, Error>, _frame: &mut Frame) -> Cpu<Self, Error> {
        cpu
    }
    /// An SError that concerns the interrupted user mode alone, which cannot go on as it is: ends the task, if it does not put right
    /// what is wrong.
    fn user_serror(_cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        die::<Self>("SError in user mode", frame)
    }
    /// A synchronous exception of user mode that no class is for: puts right what it came of, tells the task, or ends it.
    fn user_unhandled(_cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        die::<Self>("unhandled exception in user mode", frame)
    }
    /// A new task runs for the first time: lets go of what the scheduler held while it switched.
    fn finish_switch(cpu: Cpu<Self, NoIrq>) -> Cpu<Self, NoIrq> {
        cpu
    }
}

/// Which interrupt it is. It may have become pending after the exception was taken, which synchronised for another one: what
/// handles it sees registers as they are now (C96).
#[inline(always)]
pub(crate) fn acknowledge<K: Bodies, L: Line>(_: &Cpu<K, NoNmi>) -> Acknowledged {
    let acknowledged = K::Controller::acknowledge::<L>();
    if !matches!(acknowledged, Acknowledged::Nothing) {
        CpuOf::<K>::isb();
    }
    acknowledged
}

/// An ordinary interrupt, if it was one. Another that is pending comes right after the return.
#[inline(always)]
pub(crate) fn interrupt<K: Bodies, L: Line>(
    cpu: Cpu<K, Hardirq>,
    interrupt: Option<u32>,
    frame: &mut Frame,
) -> Cpu<K, Hardirq> {
    let Some(interrupt) = interrupt else { return cpu };
    let cpu = K::interrupt(cpu, interrupt, frame);
    K::Controller::end::<L>(interrupt);
    cpu
}

/// An NMI that was acknowledged.
#[inline(always)]
pub(crate) fn nmi<K: Bodies, L: Line>(cpu: Cpu<K, NoNmi>, interrupt: u32, frame: &mut Frame) -> Cpu<K, NoNmi> {
    let cpu = K::nmi(cpu, interrupt, frame);
    K::Controller::end::<L>(interrupt);
    cpu
}

/// An NMI from where ordinary interrupts are masked, if there still is one.
#[inline(always)]
pub(crate) fn only_nmi<K: Bodies, L: Line>(cpu: Cpu<K, NoNmi>, frame: &mut Frame) -> Cpu<K, NoNmi> {
    let Some(interrupt) = K::Controller::acknowledge_nmi::<L>() else { return cpu };
    CpuOf::<K>::isb();
    nmi::<K, L>(cpu, interrupt, frame)
}

/// What becomes of a point of user mode that was hit.
#[inline(always)]
pub(crate) fn user_point<K: Bodies>(
    (cpu, hit): (Cpu<K, Critical>, Hit),
    kind: Kind,
    frame: &mut Frame,
) -> (Cpu<K, Critical>, Hit) {
    if matches!(hit, Hit::Passed) {
        step::suspend(&cpu, kind, frame);
    }
    (cpu, hit)
}

/// Somebody is told of it.
#[inline(always)]
pub(crate) fn user_hit<K: Bodies>(cpu: Cpu<K, Process>, hit: Hit, frame: &mut Frame) -> Cpu<K, Process> {
    if matches!(hit, Hit::Told) { K::user_hit(cpu, frame) } else { cpu }
}

/// A step that a suspended breakpoint alone wanted is nobody's.
#[inline(always)]
pub(crate) fn user_step<K: Bodies>(cpu: Cpu<K, Process>, is_told: bool, frame: &mut Frame) -> Cpu<K, Process> {
    if is_told { K::user_step(cpu, frame) } else { cpu }
}

/// A breakpoint or a watchpoint of the kernel has had its body: over it.
#[inline(always)]
pub(crate) fn kernel_point<K: Bodies>(cpu: Cpu<K, Critical>, kind: Kind, frame: &mut Frame) -> Cpu<K, Critical> {
    breakpoints::suspend_in_kernel(&cpu, kind, frame);
    cpu
}

/// A step of the kernel is the way over one of those, or nobody's.
#[inline(always)]
pub(crate) fn kernel_step<K: Bodies>(cpu: Cpu<K, Critical>, frame: &mut Frame) -> Cpu<K, Critical> {
    if !breakpoints::is_stepped_in_kernel(&cpu) {
        not_asked_for::<K>(frame)
    }
    kernel_stepped(K::kernel_step(cpu, frame), frame)
}

noinstr! {
    #[cold]
    #[inline(never)]
    fn not_asked_for<K: Bodies>(frame: &mut Frame) -> ! {
        // SAFETY: a step of the kernel is masked throughout, and nobody goes on.
        let key = unsafe { Key::new() };
        el1::die::<On<K>>(Taken::claim(frame, key), "software step in the kernel, which nobody asked for")
    }

    /// For a body that cannot go on after what `frame` says, whatever its context, and whatever it counts as. After: everything masked,
    /// counted as NMI-like, so watched, and not a word printed yet (C87).
    #[cold]
    #[inline(never)]
    pub fn die<K: Bodies>(what: &'static str, frame: &mut Frame) -> ! {
        // SAFETY: nothing opens again, and whoever has a token never goes on.
        let key = unsafe {
            K::Backend::nmis_off();
            K::Backend::close_for_switch();
            Key::new()
        };
        el1::die::<On<K>>(Taken::claim(frame, key), what)
    }
}

/// Who dies is counted as NMI-like already: nobody but the port can say so (C87).
pub struct Dying<K>(PhantomData<*mut K>);

impl<K> Dying<K> {
    /// Before: counted so.
    pub(crate) const fn counted() -> Self {
        Dying(PhantomData)
    }
}

/// And its end.
#[inline(always)]
pub(crate) fn kernel_stepped<K: Bodies>(cpu: Cpu<K, Critical>, frame: &mut Frame) -> Cpu<K, Critical> {
    breakpoints::resume_in_kernel(&cpu, frame);
    cpu
}

/// A system call that is not run, but made again (C62).
#[inline(always)]
pub(crate) fn syscall_again<K: Bodies>(cpu: Cpu<K, Process>, frame: &mut Frame) -> Cpu<K, Process> {
    let call = CpuOf::<K>::read(&frame.pc).wrapping_sub(syndrome::SVC_LENGTH);
    CpuOf::<K>::write(&mut frame.pc, call);
    K::syscall_again(cpu, frame)
}

/// An SError of the kernel: who lives after it.
#[inline(always)]
pub(crate) fn serror<K: Bodies>(cpu: Cpu<K, Error>, frame: &mut Frame) -> Cpu<K, Error> {
    match goes::<K>(frame) {
        Goes::On => K::serror_corrected(cpu, frame),
        Goes::Away | Goes::Down => K::die(Dying::counted(), "uncorrected SError", frame),
    }
}

/// An SError of user mode: what concerns the task alone waits until its context has opened.
#[inline(always)]
pub(crate) fn user_serror<K: Bodies>(cpu: Cpu<K, Error>, frame: &mut Frame) -> Cpu<K, Error> {
    match goes::<K>(frame) {
        Goes::On => K::serror_corrected(cpu, frame),
        Goes::Away => cpu,
        Goes::Down => K::die(Dying::counted(), "uncorrected SError", frame),
    }
}

/// And now it has.
#[inline(always)]
pub(crate) fn user_serror_opened<K: Bodies>(cpu: Cpu<K, Process>, frame: &mut Frame) -> Cpu<K, Process> {
    match goes::<K>(frame) {
        Goes::Away => K::user_serror(cpu, frame),
        Goes::On | Goes::Down => cpu,
    }
}

#[inline(always)]
fn goes<K: Bodies>(frame: &Frame) -> Goes {
    Severity::of(CpuOf::<K>::read(&frame.syndrome)).goes()
}

/// One kernel, on the backend that it names.
pub struct On<K>(PhantomData<K>);

impl<K: Bodies> Port for On<K> {
    type Kernel = K;
    type Masks = K::Backend;
}

/// What handlers are generic over: any kernel with bodies, on its own backend. Only [`On`] is one, so that masks move as the
/// machine says that they lie.
pub trait Arm64Port: Port<Kernel: Bodies> + Sealed {}
impl<K: Bodies> Arm64Port for On<K> {}

pub(crate) mod sealed {
    pub trait Sealed {}
    impl<K: super::Bodies> Sealed for super::On<K> {}
}
use sealed::Sealed;

/// The CPU under a kernel.
pub(crate) type CpuOf<K> = <<K as Bodies>::Backend as Backend>::Hardware;
/// The CPU under a port.
pub(crate) type HardwareOf<P> = CpuOf<<P as Port>::Kernel>;
/// The backend under a port.
pub(crate) type BackendOf<P> = <<P as Port>::Kernel as Bodies>::Backend;
