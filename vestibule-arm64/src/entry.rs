//! What the vectors call: return state and syndrome into the frame, triage by exception class, the handler, return
//! state back. A simulated CPU calls the same functions.
//!
//! Before each: everything masked, the general registers in `frame`, nothing told to anyone. After each: everything
//! masked, ELR, SPSR (and SP_EL0) hold the return state, and only the general registers are left to restore.

use crate::bodies::{BackendOf, HardwareOf};
use crate::classes::{El0Svc, Fatal};
use crate::controller::{Fiq, Irq, Line, is_nmi_next};
use crate::hardware::{DAIF_SHIFT, I};
use crate::machine::Key;
use crate::pmr::priority;
use crate::syndrome::{
    BREAKPOINT_CURRENT, BREAKPOINT_LOWER, BRK64, DATA_ABORT_CURRENT, DATA_ABORT_LOWER, INSTRUCTION_ABORT_CURRENT,
    INSTRUCTION_ABORT_LOWER, SOFTWARE_STEP_CURRENT, SOFTWARE_STEP_LOWER, SVC64, UNKNOWN, WATCHPOINT_CURRENT,
    WATCHPOINT_LOWER, exception_class,
};
use crate::{Arm64Port, Backend, Frame, Hardware, Nmis, el0, el1, noinstr, returns, step, tags};
use vestibule::{Class, Cpu, Process, Restored, Taken};

#[cfg(vestibule_forge)]
pub mod forge;

noinstr! {
    /// Synchronous, from the kernel.
    ///
    /// # Safety
    /// As the module says.
    pub unsafe extern "C" fn el1_sync<P: Arm64Port>(frame: &mut Frame) {
        frame.capture::<HardwareOf<P>>();
        match exception_class(frame.capture_syndrome::<HardwareOf<P>>()) {
            DATA_ABORT_CURRENT | INSTRUCTION_ABORT_CURRENT => {
                frame.capture_fault_address::<HardwareOf<P>>();
                take(frame, el1::abort::<P>);
            }
            BRK64 => take(frame, el1::brk::<P>),
            UNKNOWN => take(frame, el1::undefined::<P>),
            class => el1_rare::<P>(frame, class),
        }
        put_back::<P>(frame);
    }

    /// What of that a debugger asks for, or is a bug.
    #[cold]
    #[inline(never)]
    fn el1_rare<P: Arm64Port>(frame: &mut Frame, class: u64) {
        if class == BREAKPOINT_CURRENT {
            take(frame, el1::breakpoint::<P>);
        } else if class == SOFTWARE_STEP_CURRENT {
            take(frame, el1::step::<P>);
        } else {
            frame.capture_fault_address::<HardwareOf<P>>();
            if class != WATCHPOINT_CURRENT {
                die::<P>(frame, "unhandled synchronous exception in the kernel")
            }
            take(frame, el1::watchpoint::<P>);
        }
    }

    /// IRQ, from the kernel.
    ///
    /// # Safety
    /// As the module says.
    pub unsafe extern "C" fn el1_irq<P: Arm64Port>(frame: &mut Frame) {
        frame.capture::<HardwareOf<P>>();
        if is_nmi::<P, Irq>(frame) {
            take(frame, el1::nmi::<P>);
        } else {
            take(frame, el1::irq::<P>);
        }
        put_back::<P>(frame);
    }

    /// FIQ, from the kernel.
    ///
    /// # Safety
    /// As the module says.
    pub unsafe extern "C" fn el1_fiq<P: Arm64Port>(frame: &mut Frame) {
        frame.capture::<HardwareOf<P>>();
        if is_nmi::<P, Fiq>(frame) {
            take(frame, el1::nmi_by_fiq::<P>);
        } else {
            take(frame, el1::fiq::<P>);
        }
        put_back::<P>(frame);
    }

    /// SError, from the kernel.
    ///
    /// # Safety
    /// As the module says.
    pub unsafe extern "C" fn el1_serror<P: Arm64Port>(frame: &mut Frame) {
        frame.capture::<HardwareOf<P>>();
        frame.capture_syndrome::<HardwareOf<P>>();
        take(frame, el1::serror::<P>);
        put_back::<P>(frame);
    }

    /// Synchronous, from user mode.
    ///
    /// # Safety
    /// As the module says.
    pub unsafe extern "C" fn el0_sync<P: Arm64Port>(frame: &mut Frame) {
        let tag_fault = capture_user::<P>(frame);
        match exception_class(frame.capture_syndrome::<HardwareOf<P>>()) {
            SVC64 if !tag_fault => take(frame, el0::svc::<P>),
            class => {
                core::hint::cold_path();
                match class {
                    SVC64 => take(frame, el0::svc_again::<P>),
                    DATA_ABORT_LOWER | INSTRUCTION_ABORT_LOWER => {
                        frame.capture_fault_address::<HardwareOf<P>>();
                        take(frame, el0::abort::<P>);
                    }
                    BRK64 => take(frame, el0::brk::<P>),
                    BREAKPOINT_LOWER => take(frame, el0::breakpoint::<P>),
                    WATCHPOINT_LOWER => {
                        frame.capture_fault_address::<HardwareOf<P>>();
                        take(frame, el0::watchpoint::<P>);
                    }
                    SOFTWARE_STEP_LOWER => take(frame, el0::step::<P>),
                    UNKNOWN => take(frame, el0::undefined::<P>),
                    _ => take(frame, el0::unhandled::<P>),
                }
            }
        }
        put_back_user::<P>(frame);
    }

    /// IRQ, from user mode.
    ///
    /// # Safety
    /// As the module says.
    pub unsafe extern "C" fn el0_irq<P: Arm64Port>(frame: &mut Frame) {
        capture_user::<P>(frame);
        take(frame, el0::irq::<P>);
        put_back_user::<P>(frame);
    }

    /// FIQ, from user mode.
    ///
    /// # Safety
    /// As the module says.
    pub unsafe extern "C" fn el0_fiq<P: Arm64Port>(frame: &mut Frame) {
        capture_user::<P>(frame);
        take(frame, el0::fiq::<P>);
        put_back_user::<P>(frame);
    }

    /// SError, from user mode.
    ///
    /// # Safety
    /// As the module says.
    pub unsafe extern "C" fn el0_serror<P: Arm64Port>(frame: &mut Frame) {
        capture_user::<P>(frame);
        frame.capture_syndrome::<HardwareOf<P>>();
        take(frame, el0::serror::<P>);
        put_back_user::<P>(frame);
    }

    /// A vector that nothing should ever come to: the kernel on SP_EL0, AArch32. `SYNDROME`: what comes to it has one.
    ///
    /// # Safety
    /// As the module says.
    pub unsafe extern "C" fn unexpected<P: Arm64Port, const SYNDROME: bool>(frame: &mut Frame) {
        frame.capture::<HardwareOf<P>>();
        capture_cause::<P, SYNDROME>(frame);
        die::<P>(frame, "exception through a vector that nothing should come to")
    }

    /// The kernel's stack is full. Runs on the overflow stack; `frame.sp` is the stack pointer that did not fit. `SYNDROME`:
    /// what came has one.
    ///
    /// # Safety
    /// As the module says.
    pub unsafe extern "C" fn stack_overflow<P: Arm64Port, const SYNDROME: bool>(frame: &mut Frame) {
        frame.capture::<HardwareOf<P>>();
        capture_cause::<P, SYNDROME>(frame);
        die::<P>(frame, "kernel stack overflow")
    }

    /// A task's first return to user mode.
    ///
    /// # Safety
    /// `frame` is where the assembly restores from.
    pub unsafe fn first<P: Arm64Port>(cpu: Cpu<P::Kernel, Process>, frame: &mut Frame) {
        leave(el0::first::<P>(cpu, frame));
        returns::check_first::<P, El0Svc>(frame);
        put_back_user::<P>(frame);
    }
}

/// For a report: of what sets neither ESR nor FAR (interrupts), what an earlier exception left there is not told.
#[inline(always)]
fn capture_cause<P: Arm64Port, const SYNDROME: bool>(frame: &mut Frame) {
    if SYNDROME {
        frame.capture_syndrome::<HardwareOf<P>>();
        frame.capture_fault_address::<HardwareOf<P>>();
    } else {
        frame.without_syndrome::<HardwareOf<P>>();
    }
}

/// An interrupt of the kernel is known to be an NMI, or that none came but one: it came where the priority mask holds back
/// ordinary ones, or what is pending has superpriority. That alone is not enough: where I is masked, it may have been withdrawn,
/// and what is pending instead is an ordinary one, which nothing may take there (C95).
#[inline(always)]
fn is_nmi<P: Arm64Port, L: Line>(frame: &Frame) -> bool {
    match BackendOf::<P>::NMIS {
        Nmis::None => false,
        Nmis::ByPriority => HardwareOf::<P>::pmr() != priority::OPEN,
        Nmis::BySuperpriority => !L::FIQ && (masks_irqs::<P>(frame) || is_nmi_next::<BackendOf<P>, L>()),
    }
}

/// PSTATE masked interrupts where this one came.
#[inline(always)]
fn masks_irqs<P: Arm64Port>(frame: &Frame) -> bool {
    HardwareOf::<P>::read(&frame.pstate) & u64::from(I) << DAIF_SHIFT != 0
}

/// Whether an asynchronous tag check failed before it.
#[inline(always)]
fn capture_user<P: Arm64Port>(frame: &mut Frame) -> bool {
    frame.capture::<HardwareOf<P>>();
    HardwareOf::<P>::write(&mut frame.sp, HardwareOf::<P>::sp_el0());
    step::disarm::<HardwareOf<P>>();
    tags::capture::<P>()
}

#[inline(always)]
fn put_back<P: Arm64Port>(frame: &Frame) {
    // SAFETY: the handler gave back a `Restored`; the assembly restores this frame next.
    unsafe { frame.put_back::<HardwareOf<P>>() }
}

#[inline(always)]
fn put_back_user<P: Arm64Port>(frame: &Frame) {
    step::arm::<HardwareOf<P>>();
    tags::forget::<P>();
    HardwareOf::<P>::set_sp_el0(HardwareOf::<P>::read(&frame.sp));
    put_back::<P>(frame);
}

/// The handler of class `X`, and nothing that is not its own exit.
#[inline(always)]
fn take<P: Arm64Port, X: Class>(frame: &mut Frame, handler: impl FnOnce(Taken<'_, P, X>) -> Restored<'_, P, X>) {
    let found = returns::found::<P>(frame);
    // SAFETY: only the functions of this module call this, and everything is masked when they begin.
    leave(handler(Taken::claim(frame, unsafe { Key::new() })));
    returns::check::<P, X>(found, frame);
}

#[inline(always)]
fn leave<P: Arm64Port, X: Class>(restored: Restored<'_, P, X>) {
    // SAFETY: only `restore` makes a `Restored`, and it leaves everything masked.
    restored.leave(unsafe { Key::new() });
}

#[inline(always)]
fn die<P: Arm64Port>(frame: &mut Frame, what: &'static str) -> ! {
    // SAFETY: as in `take`.
    el1::die::<P>(Taken::<P, Fatal>::claim(frame, unsafe { Key::new() }), what)
}
