//! The boots of `cargo xtask test` that show what backends with NMIs can do, and the one without cannot.

use crate::boot_test::BootTest;

/// What only a backend with NMIs can do.
pub const NMI_TESTS: &[BootTest] = &[
    BootTest {
        name: "a profile of code with interrupts off",
        cpus: 1,
        command_line: "preempt=full -- nmis profile",
        lines: &["samples in spin_with_interrupts_off", "nmis: at least 95 %", "--- exit status 0"],
        status: 0,
    },
    BootTest {
        name: "every CPU says where it is, with interrupts off too",
        cpus: 4,
        command_line: "preempt=full -- nmis backtrace",
        lines: &[": asks", "interrupted in NoIrq", "spin_with_interrupts_off", "answered within"],
        status: 0,
    },
    BootTest {
        name: "a kernel that ends stops every CPU first, with interrupts off too",
        cpus: 4,
        command_line: "preempt=full -- nmis crash",
        lines: &["other CPUs: 3 of 3 stopped", "somebody wrote c", "--- from user mode"],
        status: 1,
    },
    BootTest {
        name: "a hard lockup is found",
        cpus: 2,
        command_line: "preempt=full lockup=300 -- nmis stuck",
        lines: &["hard lockup: interrupts off for", "spin_with_interrupts_off"],
        status: 0,
    },
];

/// What the backend without NMIs cannot.
pub const BLIND_TESTS: &[BootTest] = &[
    BootTest {
        name: "no profile of code with interrupts off",
        cpus: 1,
        command_line: "preempt=full -- nmis blind",
        lines: &["nmis: none"],
        status: 0,
    },
    BootTest {
        name: "a kernel that ends cannot stop a CPU with interrupts off",
        cpus: 4,
        command_line: "preempt=full -- nmis crash",
        lines: &["other CPUs: 2 of 3 stopped", "somebody wrote c"],
        status: 1,
    },
    BootTest {
        name: "a CPU with interrupts off does not say where it is",
        cpus: 2,
        command_line: "preempt=full -- nmis backtrace",
        lines: &[": asks", "does not answer"],
        status: 0,
    },
];
