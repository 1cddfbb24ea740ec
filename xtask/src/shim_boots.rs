//! The boots of `cargo xtask test` behind the shim: SErrors, which nothing below EL2 can raise in QEMU, and exceptions of user mode that no
//! CPU of QEMU's has.

use crate::boot_test::BootTest;

/// In the order they run.
pub const SHIM_TESTS: &[BootTest] = &[
    BootTest {
        name: "SErrors: survived anywhere, at every instruction, and who dies of one dies alone",
        cpus: 4,
        command_line: "preempt=full -- serrors",
        lines: &[
            "online",
            "instructions of a system call",
            "instructions of an interrupt",
            "SIGBUS: SError: Recoverable",
            "SIGBUS: SError: Unrecoverable",
            "serrors: 0 failed",
            "--- SErrors survived, by what they interrupted",
        ],
        status: 0,
    },
    BootTest {
        name: "SErrors on one CPU, preempted nowhere",
        cpus: 1,
        command_line: "preempt=none -- serrors",
        lines: &["serrors: 0 failed"],
        status: 0,
    },
    BootTest {
        name: "whatever class of exception user mode has ends in the right signal, or in nothing",
        cpus: 2,
        command_line: "preempt=full -- classes",
        lines: &["classes: 195 checks, 0 failed"],
        status: 0,
    },
    BootTest {
        name: "classes that are told wrongly are found",
        cpus: 2,
        command_line: "preempt=full bug=wrong-code -- classes",
        lines: &["classes: 195 checks, 97 failed"],
        status: 1,
    },
    BootTest {
        name: "an SError in user mode that is not contained ends the kernel",
        cpus: 2,
        command_line: "preempt=full -- serrors fatal-user",
        lines: &["uncorrected SError", "SError: Uncontained", "hardirq 1, NMI 1;", "in user mode at"],
        status: 1,
    },
    BootTest {
        name: "an SError in the kernel that is not corrected ends it",
        cpus: 2,
        command_line: "preempt=full -- serrors fatal-kernel",
        lines: &[
            "uncorrected SError",
            "SError: Recoverable",
            "no fault address",
            "hardirq 1, NMI 1;",
            "leaves_no_trace",
        ],
        status: 1,
    },
    BootTest {
        name: "an SError with a syndrome of the maker's ends the kernel",
        cpus: 2,
        command_line: "preempt=full -- serrors fatal-maker",
        lines: &["uncorrected SError", "SError: ImplementationDefined"],
        status: 1,
    },
    BootTest {
        name: "an SError after which SErrors are masked is found",
        cpus: 2,
        command_line: "preempt=full bug=serror-masks -- serrors survived",
        lines: &["constraint C45 is broken at el1_serror"],
        status: 1,
    },
    BootTest {
        name: "an SError whose body waits for a lock is found",
        cpus: 2,
        command_line: "preempt=full bug=serror-locks -- serrors survived",
        lines: &["constraint C83 is broken at a lock", "hardirq 2, NMI 2;"],
        status: 1,
    },
    BootTest {
        name: "SErrors that are not counted are found",
        cpus: 2,
        command_line: "preempt=full bug=serror-uncounted -- serrors survived",
        lines: &["survived: in a system call, with interrupts on: Ok(false)", "survived: in user mode: Ok(false)"],
        status: 1,
    },
    BootTest {
        name: "a task that goes on after an SError that it cannot go on after is found",
        cpus: 2,
        command_line: "preempt=full bug=serror-spares -- serrors killed",
        lines: &["killed: by a recoverable one in user mode: Ok(false)", "serrors: 3 failed"],
        status: 1,
    },
];
