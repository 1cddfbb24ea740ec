//! A body that cannot go on is counted as NMI-like first: to the kernel's last words it comes by the port's `die`.
//@ at_once: E0061 "argument #1 of type `Dying<ThisKernel>` is missing"
//@ forged: E0423 "cannot initialize a tuple struct which contains private fields"
//@ counted: E0624 "associated function `counted` is private"

#![forbid(unsafe_code)]

use support::*;
use vestibule_arm64::Dying;

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
    fn die(_: Dying<Self>, _: &'static str, _: &Frame) -> ! {
        loop {}
    }
    fn user_brk(_: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        #[cfg(not(any(bad = "at_once", bad = "forged", bad = "counted")))]
        vestibule_arm64::die::<Self>("BRK", frame);
        #[cfg(bad = "at_once")]
        Self::die("BRK", frame);
        #[cfg(bad = "forged")]
        Self::die(Dying(core::marker::PhantomData), "BRK", frame);
        #[cfg(bad = "counted")]
        Self::die(Dying::counted(), "BRK", frame);
    }
}
