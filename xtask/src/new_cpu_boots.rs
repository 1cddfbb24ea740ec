//! Boots on the newest CPU that QEMU has, whatever the backend: what the usual one lacks.

use crate::boot_test::BootTest;

/// In the order they run.
pub const NEW_CPU_TESTS: &[BootTest] = &[BootTest {
    name: "faults are told as Linux tells them, on a new CPU",
    cpus: 2,
    command_line: "preempt=full -- faults",
    lines: &["faults: 81 checks, 0 failed"],
    status: 0,
}];
