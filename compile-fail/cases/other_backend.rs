//! Masks move as the machine says that they lie: a kernel names one backend for both, and handlers are on no other.
//@ machine_of_another: E0271 "<ThisKernel as Kernel>::Machine == Arm64<Pmr<NoCpu>>"
//@ own_port: E0277 "the trait bound `Mixed: Arm64Port` is not satisfied"
//@ own_handlers: E0277 "the trait bound `Mixed: Sealed` is not satisfied"

use support::*;
use vestibule_arm64::entry;

pub enum ThisKernel {}
impl Kernel for ThisKernel {
    #[cfg(not(bad = "machine_of_another"))]
    type Machine = Arm64<Pmr<NoCpu>>;
    #[cfg(bad = "machine_of_another")]
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
    type Backend = Pmr<NoCpu>;
    type Controller = GicV3<Pmr<NoCpu>>;
    fn die(_: vestibule_arm64::Dying<Self>, _: &'static str, _: &Frame) -> ! {
        loop {}
    }
}

/// The machine of one backend, and another's masks.
pub enum Mixed {}
impl Port for Mixed {
    type Kernel = SomeKernel;
    type Masks = Pmr<NoCpu>;
}
#[cfg(bad = "own_handlers")]
impl Arm64Port for Mixed {}

#[cfg(good)]
pub static IRQ: unsafe extern "C" fn(&mut Frame) = entry::el1_irq::<SomePort>;
#[cfg(bad = "own_port")]
pub static IRQ: unsafe extern "C" fn(&mut Frame) = entry::el1_irq::<Mixed>;
