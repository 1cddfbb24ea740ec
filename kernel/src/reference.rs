//! The kernel as the library sees it: which machine, and who answers for each concern.
//!
//! Two builds of one source. Both have context tracking, which RCU needs. Plain, nothing but the task switch is checked.
//! With the feature `checked`, interrupt state is tracked too, every promise is held against the hardware as it runs, and
//! mask writes are counted.

use vestibule::{Broken, Checks, Flags, FrameOf, Kernel, Process, UserWork};
use vestibule_arm64::{Arm64, GicV3, On};

use crate::task::Task;
use crate::{alarms, mte, ptrace, scheduler, signals, softirqs};

/// The kernel.
#[derive(Debug)]
pub enum Reference {}

/// A token of this kernel.
pub type Cpu<C> = vestibule::Cpu<Reference, C>;
/// The machine code that runs under it.
#[cfg(not(feature = "checked"))]
pub type Hardware = vestibule_arm64::Real;
/// The machine code that runs under it, and counts.
#[cfg(feature = "checked")]
pub type Hardware = crate::counted::Counted;
/// The port that exceptions come through.
pub type Port = On<Reference>;
/// How contexts lie on the CPU.
#[cfg(not(any(feature = "pmr", feature = "allint")))]
pub type Backend = vestibule_arm64::Daif<Hardware>;
/// How contexts lie on the CPU.
#[cfg(feature = "pmr")]
pub type Backend = vestibule_arm64::Pmr<Hardware>;
/// How contexts lie on the CPU.
#[cfg(feature = "allint")]
pub type Backend = vestibule_arm64::AllInt<Hardware>;
/// Who says which interrupt it is; `gic` sets it up.
pub type Controller = GicV3<Backend>;
/// The CPU as the generic half sees it.
pub type Machine = Arm64<Backend>;

impl Kernel for Reference {
    type Machine = Machine;
    type Scheduler = scheduler::Scheduler;
    type ContextTracking = vestibule::Tracked;
    #[cfg(not(feature = "checked"))]
    type IrqTracing = ();
    #[cfg(feature = "checked")]
    type IrqTracing = vestibule::TrackedIrqs;
    type UserWork = Work;
    type SyscallWork = ptrace::SyscallWork;
    type Softirqs = softirqs::Softirqs;
    type Checks = Loud;
}

/// Run-time checks end the kernel: a kernel whose entry code is wrong proves nothing by going on.
#[derive(Debug)]
pub enum Loud {}

impl Checks for Loud {
    const ON: bool = cfg!(feature = "checked");

    fn holds_nothing() -> bool {
        Task::running().held.is_none()
    }

    #[cold]
    fn broken(Broken { constraint, at }: Broken) {
        panic!("constraint C{constraint} is broken at {at}");
    }
}

/// The tick's: timers of this task may be due.
pub const ALARMS: Flags = Flags::other(0);

/// What runs on the way back to user mode.
#[derive(Debug)]
pub enum Work {}

impl UserWork<Reference> for Work {
    fn signal(cpu: Cpu<Process>, frame: &mut FrameOf<Reference>) -> Cpu<Process> {
        cpu.task_word().clear::<Machine>(Flags::SIGNAL);
        signals::deliver(cpu, frame)
    }

    /// Asked for when a task has moved to another CPU.
    fn notify_resume(cpu: Cpu<Process>, _: &mut FrameOf<Reference>) -> Cpu<Process> {
        cpu.task_word().clear::<Machine>(Flags::NOTIFY_RESUME);
        scheduler::publish_cpu_number(cpu)
    }

    /// Asked for by the tick, and by tag checks that failed.
    fn other(mut cpu: Cpu<Process>, frame: &mut FrameOf<Reference>) -> Cpu<Process> {
        mte::tell_fault(&mut cpu, frame);
        cpu.task_word().clear::<Machine>(ALARMS);
        alarms::check(&mut cpu);
        cpu
    }
}
