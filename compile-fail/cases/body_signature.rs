//! A kernel writes each of its bodies for the context that the class promises.
//@ syscall: E0053 "expected `Process`, found `NoIrq`"
//@ interrupt: E0053 "expected `Hardirq`, found `Process`"
//@ nmi: E0053 "expected `NoNmi`, found `Hardirq`"
//@ fault: E0053 "expected `Inherit`, found `Process`"
//@ brk: E0053 "expected `Critical`, found `Process`"

use support::*;

pub enum ThisKernel {}
impl Kernel for ThisKernel {
    type Machine = Arm64<Daif<NoCpu>>;
    type Scheduler = ();
    type ContextTracking = ();
    type IrqTracing = ();
    type UserWork = ();
    type SyscallWork = ();
    type Softirqs = ();
    type Checks = ();
}
impl Bodies for ThisKernel {
    type Backend = Daif<NoCpu>;
    type Controller = GicV3<Daif<NoCpu>>;
    fn die(_: vestibule_arm64::Dying<Self>, _: &'static str, _: &Frame) -> ! {
        loop {}
    }
    #[cfg(bad = "syscall")]
    fn syscall(cpu: Cpu<Self, NoIrq>, _: &mut Frame) -> Cpu<Self, NoIrq> {
        cpu
    }
    #[cfg(bad = "interrupt")]
    fn interrupt(cpu: Cpu<Self, Process>, _: u32, _: &mut Frame) -> Cpu<Self, Process> {
        cpu
    }
    #[cfg(bad = "nmi")]
    fn nmi(cpu: Cpu<Self, Hardirq>, _: u32, _: &mut Frame) -> Cpu<Self, Hardirq> {
        cpu
    }
    #[cfg(bad = "fault")]
    fn kernel_abort(cpu: Cpu<Self, Process>, _: &mut Frame) -> Cpu<Self, Process> {
        cpu
    }
    #[cfg(bad = "brk")]
    fn kernel_brk(cpu: Cpu<Self, Process>, _: &mut Frame) -> Cpu<Self, Process> {
        cpu
    }
}
