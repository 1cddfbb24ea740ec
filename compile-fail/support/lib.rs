//! What every case starts from: the library's names, and a kernel and CPU to instantiate handlers for. Nothing here
//! ever runs.
#![no_std]

pub use core::marker::PhantomData;
pub use vestibule::*;
pub use vestibule_arm64::classes::*;
pub use vestibule_arm64::{AllInt, Arm64, Arm64Port, Backend, Bodies, Daif, Frame, GicV3, Hardware, Key, On, Pmr, Thread};

use core::hint::black_box;
use vestibule_arm64::breakpoints::{Kind, MOST, Point};
use vestibule_arm64::fpsimd::Fpsimd;

/// A kernel that supplies nothing.
pub enum SomeKernel {}

impl Kernel for SomeKernel {
    type Machine = Arm64<Daif<NoCpu>>;
    type Scheduler = ();
    type ContextTracking = ();
    type IrqTracing = ();
    type UserWork = ();
    type SyscallWork = ();
    type Softirqs = ();
    type Checks = ();
}

impl Bodies for SomeKernel {
    type Backend = Daif<NoCpu>;
    type Controller = GicV3<Daif<NoCpu>>;

    fn die(_: vestibule_arm64::Dying<Self>, _: &'static str, _: &Frame) -> ! {
        loop {}
    }
}

/// An interrupt's body, as `run_hardirq` wants it.
pub fn interrupt<K: Kernel>(cpu: Cpu<K, Hardirq>, _: &mut FrameOf<K>) -> Cpu<K, Hardirq> {
    cpu
}

/// The controller of who has nothing to say, as `acknowledge` wants it.
pub fn acknowledge<K: Kernel>(_: &Cpu<K, NoNmi>) -> Acknowledged {
    black_box(Acknowledged::Nothing)
}

/// An NMI's body, as `acknowledge` wants it.
pub fn nmi<K: Kernel>(cpu: Cpu<K, NoNmi>, _: u32, _: &mut FrameOf<K>) -> Cpu<K, NoNmi> {
    cpu
}

/// Another kernel on the same machine.
pub enum OtherKernel {}

impl Kernel for OtherKernel {
    type Machine = Arm64<Daif<NoCpu>>;
    type Scheduler = ();
    type ContextTracking = ();
    type IrqTracing = ();
    type UserWork = ();
    type SyscallWork = ();
    type Softirqs = ();
    type Checks = ();
}

/// What handlers are instantiated for.
pub type SomePort = On<SomeKernel>;

/// A CPU that is only compiled for; `black_box` hides from the compiler that nothing is behind it.
pub enum NoCpu {}

// SAFETY: never runs.
unsafe impl Hardware for NoCpu {
    fn daif() -> u64 {
        black_box(0)
    }
    unsafe fn write_daif(_: u64) {}
    unsafe fn daif_set<const BITS: u32>() {}
    unsafe fn daif_clear<const BITS: u32>() {}
    fn pmr() -> u64 {
        black_box(0)
    }
    unsafe fn set_pmr<const PRIORITY: u64>() {}
    unsafe fn allint_set() {}
    unsafe fn allint_clear() {}
    fn allint() -> u64 {
        black_box(0)
    }
    unsafe fn write_allint(_: u64) {}
    fn elr() -> u64 {
        black_box(0)
    }
    fn spsr() -> u64 {
        black_box(0)
    }
    fn esr() -> u64 {
        black_box(0)
    }
    fn far() -> u64 {
        black_box(0)
    }
    fn sp_el0() -> u64 {
        black_box(0)
    }
    unsafe fn set_elr(_: u64) {}
    unsafe fn set_spsr(_: u64) {}
    fn set_sp_el0(_: u64) {}
    unsafe fn change_mdscr(_: u64, _: u64) {}
    unsafe fn set_point(_: Kind, _: usize, _: Point) {}
    fn clear_points() {}
    unsafe fn set_points(_: Kind, _: &[Point; MOST], _: &[Point; MOST]) {}
    fn current() -> *const Thread {
        black_box(core::ptr::null())
    }
    unsafe fn set_current(_: *const Thread) {}
    fn stack_pointer() -> u64 {
        black_box(0)
    }
    unsafe fn on_irq_stack<Body: FnOnce()>(_: u64, f: Body) {
        f();
    }
    unsafe fn switch(_: &Thread, _: &Thread) {}
    unsafe fn prepare(_: &Thread, _: extern "C" fn(usize, usize) -> !, _: usize, _: usize) {}
    fn store_fpsimd(_: &mut Fpsimd) {}
    fn load_fpsimd(_: &Fpsimd) {}
    fn icc_iar1() -> u64 {
        black_box(0)
    }
    fn set_icc_eoir1(_: u64) {}
    fn icc_iar0() -> u64 {
        black_box(0)
    }
    fn set_icc_eoir0(_: u64) {}
    fn icc_nmiar1() -> u64 {
        black_box(0)
    }
    fn icc_rpr() -> u64 {
        black_box(0)
    }
    fn isr() -> u64 {
        black_box(0)
    }
    fn tfsre0() -> u64 {
        black_box(0)
    }
    fn set_tfsre0(_: u64) {}
    fn tfsr() -> u64 {
        black_box(0)
    }
    fn set_tfsr(_: u64) {}
    fn set_tco<const ON: bool>() {}
    unsafe fn set_user_tag_checks(_: u64, _: u64) {}
    fn dsb() {}
    fn isb() {}
    fn wait_for_interrupt() {}
}
