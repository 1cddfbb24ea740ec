//! System registers.

/// Reads one.
macro_rules! read {
    ($register:literal) => {{
        let value: u64;
        // SAFETY: reading it changes nothing.
        unsafe { core::arch::asm!(concat!("mrs {}, ", $register), out(reg) value, options(nostack, preserves_flags)) }
        value
    }};
}

/// Writes one that only says how EL1 runs, where it goes on, or where it comes back to: in effect when EL2 is left, or after an ISB.
macro_rules! write {
    ($register:literal, $value:expr) => {{
        let value: u64 = $value;
        // SAFETY: how EL2 itself runs stays as it is, with translation off and nothing enabled.
        unsafe { core::arch::asm!(concat!("msr ", $register, ", {}"), in(reg) value, options(nostack, preserves_flags)) }
    }};
}

pub(super) use {read, write};
