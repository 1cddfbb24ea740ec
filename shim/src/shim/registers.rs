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

/// Writes one that only says how EL1 runs, or where it goes on: in effect when EL2 is left, or after an ISB.
macro_rules! write {
    ($register:literal, $value:expr) => {{
        let value: u64 = $value;
        // SAFETY: it says nothing about EL2 itself, which has translation off and nothing enabled.
        unsafe { core::arch::asm!(concat!("msr ", $register, ", {}"), in(reg) value, options(nostack, preserves_flags)) }
    }};
}

pub(super) use {read, write};
