//! What exceptions are taken for: the kernel's half of every handler.

use crate::{Arm64, Frame, Hardware, InterruptController, syndrome};
use core::marker::PhantomData;
use vestibule::{Cpu, Critical, Error, Hardirq, Inherit, Kernel, Machine, Masks, NoIrq, Port, Process};

/// A kernel's bodies. Each gets the context that its class promises and gives it back. What a kernel does not supply is
/// fatal.
pub trait Bodies: Kernel<Machine = Arm64<Self::Hardware>> {
    /// The CPU.
    type Hardware: Hardware;
    /// Who says which interrupt it is.
    type Controller: InterruptController;

    /// Nobody can go on. Everything masked, counted as NMI-like; the task's stack may be gone.
    fn die(what: &'static str, frame: &Frame) -> !;

    /// A system call: number in X8, arguments in X0 to X5, result in X0.
    fn syscall(_cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        Self::die("system call", frame)
    }
    /// A data or instruction abort of user mode. [`Frame::fault_address`] is valid.
    fn user_abort(_cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        Self::die("user abort", frame)
    }
    /// A data or instruction abort of the kernel, in whatever it was. [`Frame::fault_address`] is valid.
    fn kernel_abort(_cpu: Cpu<Self, Inherit>, frame: &mut Frame) -> Cpu<Self, Inherit> {
        Self::die("kernel abort", frame)
    }
    /// BRK in user mode.
    fn user_brk(_cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        Self::die("user BRK", frame)
    }
    /// One instruction of user mode was executed, as [`step::begin`](crate::step::begin) asked for. From here on the task is not
    /// stepped, unless that is asked for again.
    fn user_step(_cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        Self::die("software step in user mode", frame)
    }
    /// BRK in the kernel, with everything masked throughout.
    fn kernel_brk(_cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
        Self::die("kernel BRK", frame)
    }
    /// An undefined instruction of user mode.
    fn user_undefined(_cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        Self::die("undefined instruction in user mode", frame)
    }
    /// An undefined instruction of the kernel.
    fn kernel_undefined(_cpu: Cpu<Self, Inherit>, frame: &mut Frame) -> Cpu<Self, Inherit> {
        Self::die("undefined instruction in the kernel", frame)
    }
    /// An interrupt that was acknowledged and ends afterwards, on the interrupt stack.
    fn interrupt(_cpu: Cpu<Self, Hardirq>, _interrupt: u32, frame: &mut Frame) -> Cpu<Self, Hardirq> {
        Self::die("interrupt", frame)
    }
    /// A corrected SError. May have come in the middle of anything: no locks, no wake-ups.
    fn serror_corrected(cpu: Cpu<Self, Error>, _frame: &mut Frame) -> Cpu<Self, Error> {
        cpu
    }
    /// A synchronous exception of user mode that no class is for: ends the task.
    fn user_unhandled(_cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        Self::die("unhandled exception in user mode", frame)
    }
    /// A new task runs for the first time: lets go of what the scheduler held while it switched.
    fn finish_switch(cpu: Cpu<Self, NoIrq>) -> Cpu<Self, NoIrq> {
        cpu
    }
}

/// An interrupt, if there still is one. Another that is pending comes right after the return.
#[inline(always)]
pub(crate) fn interrupt<K: Bodies>(cpu: Cpu<K, Hardirq>, frame: &mut Frame) -> Cpu<K, Hardirq> {
    let Some(interrupt) = K::Controller::acknowledge() else { return cpu };
    // It may have become pending after the exception was taken, which synchronised for another one (C96).
    K::Hardware::isb();
    let cpu = K::interrupt(cpu, interrupt, frame);
    K::Controller::end(interrupt);
    cpu
}

/// An SError: who lives after it.
#[inline(always)]
pub(crate) fn serror<K: Bodies>(cpu: Cpu<K, Error>, frame: &mut Frame) -> Cpu<K, Error> {
    if syndrome::is_corrected_serror(<K::Hardware as Hardware>::read(&frame.syndrome)) {
        K::serror_corrected(cpu, frame)
    } else {
        K::die("uncorrected SError", frame)
    }
}

/// One kernel on one backend.
pub struct On<B, K>(PhantomData<(B, K)>);

impl<B, K> Port for On<B, K>
where
    B: Masks<Frame = Frame>,
    K: Kernel,
    K::Machine: Machine<Frame = Frame>,
{
    type Kernel = K;
    type Masks = B;
}

/// What handlers are generic over: any kernel with bodies, on any backend.
pub trait Arm64Port: Port<Kernel: Bodies> {}
impl<P: Port<Kernel: Bodies>> Arm64Port for P {}

/// The CPU under a port.
pub(crate) type HardwareOf<P> = <<P as Port>::Kernel as Bodies>::Hardware;
