//! System registers, as two macros: reads and writes that the compiler moves no memory access across.

/// Reads a system register by name.
macro_rules! read_register {
    ($name:literal) => {{
        let value: u64;
        // SAFETY: reading this register changes nothing, and the instruction exists at EL1.
        unsafe { core::arch::asm!(concat!("mrs {}, ", $name), out(reg) value, options(nostack, preserves_flags)) };
        value
    }};
}

/// Writes a system register by name and synchronises the context. Only inside `unsafe`: the caller says why the new value is sound.
macro_rules! write_register {
    ($name:literal, $value:expr) => {
        core::arch::asm!(concat!("msr ", $name, ", {}"), "isb", in(reg) $value, options(nostack, preserves_flags))
    };
}

pub(crate) use {read_register, write_register};
