//! The end of the machine: a status for whoever started it, through semihosting, or a plain PSCI power-off without one.

use core::arch::global_asm;

#[cfg(feature = "allint")]
use vestibule_arm64::{Hardware as _, Real as Hardware};

use crate::psci;

/// What the host sees as the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 0.
    Success,
    /// 1: a check failed, the kernel panicked.
    Failure,
    /// Any other, as a test program's own.
    Code(u8),
}

impl Status {
    fn code(self) -> u64 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Code(code) => u64::from(code),
        }
    }
}

const APPLICATION_EXIT: u64 = 0x2_0026;

unsafe extern "C" {
    fn semihosting_exit(block: *const [u64; 2]);
}

/// Ends the machine with `status`. Without semihosting the status is lost and PSCI powers off.
pub fn exit(status: Status) -> ! {
    let block = [APPLICATION_EXIT, status.code()];
    // SAFETY: the block is what SYS_EXIT_EXTENDED reads; without semihosting the HLT is undefined and its fix-up returns.
    unsafe { semihosting_exit(&block) };
    psci::system_off();
    halt()
}

/// Stops this CPU for good: waits for interrupts with all of them masked.
pub fn halt() -> ! {
    // SAFETY: masks more.
    #[cfg(feature = "allint")]
    unsafe {
        Hardware::allint_set();
    }
    loop {
        // SAFETY: masking everything and waiting touches no memory.
        unsafe { core::arch::asm!("msr daifset, #0xf", "wfi", options(nostack)) };
    }
}

global_asm!(
    r#"
    .section .text.semihosting_exit, "ax"
    // In: x0 = parameter block. Comes back only where semihosting is off. Any context.
    .global semihosting_exit
semihosting_exit:
    mov     x1, x0
    mov     w0, #0x20                   // SYS_EXIT_EXTENDED
1:  hlt     #0xf000
2:  ret
    .pushsection .fixup_table, "a"
    .quad   1b, 1b, 2b
    .popsection
"#
);
