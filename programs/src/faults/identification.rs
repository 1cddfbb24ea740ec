//! Identification registers: a program that reads one gets what Linux shows of it, which is what the program may rely on, and
//! the same as AT_HWCAP says.

use super::taken::Taken;
use super::{Capabilities, Checks, does::Function};
use crate::runtime::print::println;
use crate::runtime::syscall::abi;
use core::arch::naked_asm;

macro_rules! registers {
    ($($name:ident $encoding:literal;)*) => {
        $(
            #[unsafe(naked)]
            unsafe extern "C" fn $name(_: usize) -> usize {
                naked_asm!("mov x9, sp", concat!("mrs x0, ", $encoding), "ret")
            }
        )*

        const ALL: &[(&str, Function)] = &[$((stringify!($name), $name)),*];
    };
}

/// Which algorithms pointers are authenticated by, and anything else is signed by: one of three fields each.
pub fn signs(checks: &mut Checks, capabilities: &Capabilities) {
    let any = |fields: &[(Function, u32)]| {
        fields.iter().any(|(function, lowest)| Taken::of(*function, 0).0 >> lowest & 0xf != 0)
    };
    checks.equal("authentication", any(&[(isar1, 4), (isar1, 8), (isar2, 12)]), capabilities.has(0, 30));
    checks.equal("signatures", any(&[(isar1, 24), (isar1, 28), (isar2, 8)]), capabilities.has(0, 31));
}

/// Whether the instruction that finds a wrong signature is the one that says so.
pub fn authentication_faults() -> bool {
    [(isar1 as Function, 4), (isar1, 8), (isar2, 12)]
        .iter()
        .any(|(function, lowest)| Taken::of(*function, 0).0 >> lowest & 0xf >= 4)
}

registers! {
    midr "S3_0_C0_C0_0";
    mpidr "S3_0_C0_C0_5";
    revidr "S3_0_C0_C0_6";
    unallocated_0_1 "S3_0_C0_C0_1";
    pfr0_aarch32 "S3_0_C0_C1_0";
    isar0_aarch32 "S3_0_C0_C2_0";
    mvfr0 "S3_0_C0_C3_0";
    pfr0 "S3_0_C0_C4_0";
    pfr1 "S3_0_C0_C4_1";
    pfr2 "S3_0_C0_C4_2";
    zfr0 "S3_0_C0_C4_4";
    smfr0 "S3_0_C0_C4_5";
    fpfr0 "S3_0_C0_C4_7";
    dfr0 "S3_0_C0_C5_0";
    dfr1 "S3_0_C0_C5_1";
    isar0 "S3_0_C0_C6_0";
    isar1 "S3_0_C0_C6_1";
    isar2 "S3_0_C0_C6_2";
    isar3 "S3_0_C0_C6_3";
    mmfr0 "S3_0_C0_C7_0";
    mmfr1 "S3_0_C0_C7_1";
    mmfr2 "S3_0_C0_C7_2";
    mmfr3 "S3_0_C0_C7_3";
    mmfr4 "S3_0_C0_C7_4";
    unallocated_7_7 "S3_0_C0_C7_7";
    ccsidr "S3_1_C0_C0_0";
    clidr "S3_1_C0_C0_1";
    csselr "S3_2_C0_C0_0";
}

/// Prints what each is.
pub fn print() {
    for (name, function) in ALL {
        let (value, taken) = Taken::of(*function, 0);
        match taken.signal {
            0 => println!("{name:<16} {value:#018x}"),
            signal => println!("{name:<16} signal {signal}, code {}", taken.code),
        }
    }
}

/// What the value of a register says from which value on, and the bit of AT_HWCAP (0) or AT_HWCAP2 (1) that says the same.
const SAME: &[(Function, u32, usize, usize, u32)] = &[
    (isar0, 20, 2, 0, 8),
    (isar0, 16, 1, 0, 7),
    (isar0, 4, 2, 0, 4),
    (isar0, 60, 1, 1, 16),
    (isar1, 0, 2, 1, 0),
    (isar1, 12, 1, 0, 13),
    (isar1, 52, 1, 1, 13),
    (isar2, 4, 1, 1, 21),
    (isar2, 16, 1, 1, 43),
    (pfr0, 48, 1, 0, 24),
    (pfr1, 0, 1, 1, 17),
    (mmfr2, 32, 1, 0, 25),
];
/// CPUID, a bit of AT_HWCAP: the registers can be read.
const READABLE: u32 = 11;

pub fn check(checks: &mut Checks, capabilities: &Capabilities) {
    checks.equal("AT_HWCAP's word on these registers", capabilities.has(0, READABLE), true);
    for (function, lowest, least, word, bit) in SAME {
        let (value, taken) = Taken::of(*function, 0);
        checks.equal("an identification register", taken, Taken::default());
        checks.equal("what it says", value >> lowest & 0xf >= *least, capabilities.has(*word, *bit));
    }
    checks.equal("which CPU this is", Taken::of(mpidr, 0), (1 << 31, Taken::default()));
    checks.equal("a register that is not allocated", Taken::of(unallocated_7_7, 0), (0, Taken::default()));
    for function in [unallocated_0_1 as Function, pfr0_aarch32, ccsidr, clidr, csselr] {
        let taken = Taken::call(function, 0);
        checks.equal("a register that is not shown", (taken.signal, taken.code), (abi::SIGILL, abi::ILL_ILLOPC));
    }
}
