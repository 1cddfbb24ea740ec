//! What the CPU can do that programs may use: its identification registers as [`crate::identification`] shows them.

use crate::identification::{self, Capabilities, Register};
use crate::mte;
use crate::println;
use crate::registers::read_register;

/// What is shown of this CPU, by AT_HWCAP and AT_HWCAP2; all are alike.
pub fn of_this_cpu() -> Capabilities {
    Capabilities::of(read)
}

/// What a program gets that reads that register, if it may.
pub fn shown(register: Register) -> Option<u64> {
    register.shown(read)
}

/// Says so if programs can train what predicts the kernel's branches: the kernel does nothing about it (C48).
pub fn tell_of_speculation() {
    const CSV2: u32 = 56;
    match read_register!("id_aa64pfr0_el1") >> CSV2 & 0xf {
        0 => {
            println!("this CPU's branch predictors do not tell programs from the kernel, and nothing is done about it")
        }
        1 | 2 => println!("this CPU's branch history may be a program's in the kernel, and nothing is done about it"),
        _ => {}
    }
}

/// What the CPU says, of the registers that are shown.
pub fn read(register: Register) -> u64 {
    match register {
        identification::PFR0 => read_register!("id_aa64pfr0_el1"),
        identification::PFR1 => mte::without_what_is_not_used(read_register!("id_aa64pfr1_el1")),
        identification::ISAR0 => read_register!("id_aa64isar0_el1"),
        identification::ISAR1 => read_register!("id_aa64isar1_el1"),
        identification::ISAR2 => read_register!("S3_0_C0_C6_2"),
        identification::MMFR0 => read_register!("id_aa64mmfr0_el1"),
        identification::MMFR1 => read_register!("id_aa64mmfr1_el1"),
        identification::MMFR2 => read_register!("S3_0_C0_C7_2"),
        // Only this one is left that is shown as it is.
        _ => read_register!("midr_el1"),
    }
}
