//! Boots on the newest CPU that QEMU has, whatever the backend: what the usual one lacks.

use crate::boot_test::BootTest;

/// In the order they run.
pub const NEW_CPU_TESTS: &[BootTest] = &[
    BootTest {
        name: "faults are told as Linux tells them, on a new CPU",
        cpus: 2,
        command_line: "preempt=full -- faults",
        lines: &["faults: 143 checks, 0 failed"],
        status: 0,
    },
    BootTest {
        name: "a handler that begins as what it interrupts was branched to is found, on a new CPU",
        cpus: 1,
        command_line: "preempt=full bug=kept-branch -- faults",
        lines: &["faults: a handler that is no target: 0, not 1", "faults: 143 checks, 2 failed"],
        status: 1,
    },
    BootTest {
        name: "a branch that a handler makes forgotten is found, on a new CPU",
        cpus: 1,
        command_line: "preempt=full bug=lost-branch -- faults",
        lines: &["faults: a branch that comes back as it was: 1, not 3", "faults: 143 checks, 1 failed"],
        status: 1,
    },
    BootTest {
        name: "keys that stay when another task runs are found, on a new CPU",
        cpus: 1,
        command_line: "preempt=full bug=kept-keys -- faults",
        lines: &["faults: keys of two who take turns"],
        status: 1,
    },
    BootTest {
        name: "a program's keys that the next one has are found, on a new CPU",
        cpus: 1,
        command_line: "preempt=full bug=inherited-keys -- faults",
        lines: &["faults: another program's keys"],
        status: 1,
    },
    BootTest {
        name: "a memory copy that begins anew where it was is found, on a new CPU",
        cpus: 1,
        command_line: "preempt=full bug=stale-operation -- faults",
        lines: &["faults: a copy up from its second instruction on, by option B"],
        status: 1,
    },
];
