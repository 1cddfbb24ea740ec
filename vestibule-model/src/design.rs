//! What is put under the model: the functions that the vectors call, and the kernel's program. The shipped one is the
//! library's entry functions as they are; a variant differs in one of them.

use vestibule::{ContextTracking, Kernel};
use vestibule_arm64::{Arm64Port, Backend, Bodies, Frame, entry};

use crate::backend::Backend as Masked;
use crate::cpu::DAIF;
use crate::family::Family;
use crate::hardware::Simulated;

/// What a vector calls.
pub type Vector = unsafe extern "C" fn(&mut Frame);

/// Everything that exceptions run through.
#[derive(Clone, Copy)]
pub struct Design {
    /// From the kernel: synchronous, IRQ, FIQ, SError.
    pub el1: [Vector; 4],
    /// From user mode.
    pub el0: [Vector; 4],
    /// On a full stack: what has a syndrome, and what has none.
    pub overflow: [Vector; 2],
    /// The kernel's programs.
    pub program: fn(Family),
    /// Shows where tracking's words are.
    pub learn: fn(),
    /// The program goes to user mode: signals and other work of user tasks matter.
    pub user: bool,
    /// Context tracking and interrupt-state tracking are on.
    pub tracked: bool,
    /// What the hardware forgets to mask as it takes an exception: nothing, but in a test of the checks.
    pub taking_leaves_open: u8,
    /// What an exit has masked when it looks the last time: everything. Another design may do with less.
    pub looks_with: u8,
    /// The kernel leaves ICC_CTLR_EL1.PMHE set: none does, but for a variant.
    pub pmhe: bool,
    /// Which program.
    pub family: Family,
    /// How contexts lie on the CPU.
    pub backend: Masked,
}

impl Design {
    /// The shipped handlers of this port, with the kernel's own hooks.
    pub fn of<P>(family: Family) -> Design
    where
        P: Arm64Port<Kernel: Bodies<Backend: Backend<Hardware = Simulated>>>,
    {
        Design {
            el1: [entry::el1_sync::<P>, entry::el1_irq::<P>, entry::el1_fiq::<P>, entry::el1_serror::<P>],
            el0: [entry::el0_sync::<P>, entry::el0_irq::<P>, entry::el0_fiq::<P>, entry::el0_serror::<P>],
            overflow: [entry::stack_overflow::<P, true>, entry::stack_overflow::<P, false>],
            program: crate::family::run::<P>,
            learn: crate::family::learn::<P::Kernel>,
            user: family.is_user(),
            tracked: <<P::Kernel as Kernel>::ContextTracking as ContextTracking<P::Kernel>>::ON,
            taking_leaves_open: 0,
            looks_with: DAIF,
            pmhe: false,
            family,
            backend: Masked::of(<P::Kernel as Bodies>::Backend::NMIS),
        }
    }
}
