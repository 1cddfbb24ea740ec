//! What the vector saves of the interrupted code.

use crate::Hardware;
use crate::pstate;

/// The interrupted code's state. Lives at the top of the stack of whoever runs now; the assembly of `entry` knows its
/// layout.
///
/// ELR, SPSR, ESR and FAR are read into it once, before anything opens (C4); from then on only the frame is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(16))]
pub struct Frame {
    /// X0 to X30.
    pub regs: [u64; 31],
    /// The interrupted stack pointer.
    pub sp: u64,
    /// Where it was interrupted (ELR).
    pub pc: u64,
    /// In which state (SPSR).
    pub pstate: u64,
    /// Why (ESR), for synchronous exceptions and SError.
    pub syndrome: u64,
    /// Which address (FAR), for aborts.
    pub fault_address: u64,
    /// The system call's number, or [`NO_SYSCALL`] if user mode came otherwise (C115), or it is settled how the call ended.
    pub syscall: u64,
    /// X0 as the system call came, before its result.
    pub first_argument: u64,
}

/// [`Frame::syscall`] of what is none.
pub const NO_SYSCALL: u64 = u64::MAX;

impl Frame {
    /// Of a user program that begins at `pc`, with everything else zero.
    pub fn for_user(pc: u64, sp: u64) -> Frame {
        Frame { sp, pc, pstate: pstate::USER, syscall: NO_SYSCALL, ..Frame::default() }
    }

    /// Came from user mode?
    pub const fn from_user(&self) -> bool {
        self.pstate & pstate::MODE == pstate::USER
    }

    /// Return state, from the registers that the next exception overwrites.
    #[inline(always)]
    pub(crate) fn capture<H: Hardware>(&mut self) {
        H::write(&mut self.pc, H::elr());
        H::write(&mut self.pstate, H::spsr());
    }

    /// Why it came. Once (C4).
    #[inline(always)]
    pub(crate) fn capture_syndrome<H: Hardware>(&mut self) -> u64 {
        let syndrome = H::esr();
        H::write(&mut self.syndrome, syndrome);
        syndrome
    }

    /// It came without one. No syndrome is zero: what has no other class has IL set.
    #[inline(always)]
    pub(crate) fn without_syndrome<H: Hardware>(&mut self) {
        H::write(&mut self.syndrome, 0);
    }

    /// Which address. Once (C4).
    #[inline(always)]
    pub(crate) fn capture_fault_address<H: Hardware>(&mut self) {
        H::write(&mut self.fault_address, H::far());
    }

    /// Back into the registers that ERET uses.
    ///
    /// # Safety
    /// Everything is masked until ERET (C2), which restores this frame.
    #[inline(always)]
    pub(crate) unsafe fn put_back<H: Hardware>(&self) {
        // SAFETY: the caller's.
        unsafe {
            H::set_elr(H::read(&self.pc));
            H::set_spsr(H::read(&self.pstate));
        }
    }
}
