//! The boots of `cargo xtask test` that take a kernel for tags in memory, on a machine that has such.

use crate::boot_test::BootTest;

/// In the order they run.
pub const MTE_TESTS: &[BootTest] = &[
    BootTest {
        name: "tags are checked, kept and told of as Linux does, CPUs: 4",
        cpus: 4,
        command_line: "preempt=full mte=kernel -- tags",
        lines: &[" 0 failed, Ok(())", "--- entries by class"],
        status: 0,
    },
    BootTest {
        name: "accesses of the kernel that fail a tag check are noticed and told",
        cpus: 2,
        command_line: "preempt=full mte=kernel -- tags kernel",
        lines: &[
            "an access of the kernel failed a tag check, since the exception that returns",
            "an access of the kernel failed a tag check, before a task switch",
            "an access of the kernel failed a tag check, in what was interrupted",
            "tags: 4 checks, 0 failed, Ok(())",
        ],
        status: 0,
    },
    BootTest {
        name: "a program without tags is refused all of it",
        cpus: 1,
        command_line: "preempt=none mte=off -- tags",
        lines: &["tags: no MTE", " 0 failed, Ok(())"],
        status: 0,
    },
    BootTest {
        name: "tags that a copied page loses are missed",
        cpus: 2,
        command_line: "preempt=full bug=lost-tags -- tags",
        lines: &["tags: the parent's copy is wrong"],
        status: 1,
    },
    BootTest {
        name: "tags that somebody else left are seen",
        cpus: 2,
        command_line: "preempt=full bug=leaked-tags -- tags",
        lines: &["tags: memory that is used again is wrong"],
        status: 1,
    },
    BootTest {
        name: "checks of programs that a switch, a fault or a signal loses are found",
        cpus: 2,
        command_line: "preempt=full -- planted bug=lost-tag-control tags bug=lost-tag-fault tags bug=opens-tco tags bug=kept-tco tags bug=wrong-code tags",
        lines: &[
            "tags: tags of threads that ask for others is wrong",
            "planted: lost-tag-control is found",
            "tags: a store with another tag, asynchronously is wrong",
            "planted: lost-tag-fault is found",
            "tags: who has masked checks is wrong",
            "planted: opens-tco is found",
            "tags: a handler of who has masked checks is wrong",
            "planted: kept-tco is found",
            "tags: a store with another tag is wrong",
            "planted: wrong-code is found",
        ],
        status: 0,
    },
    BootTest {
        name: "a check of the kernel's that nobody waits for is missed",
        cpus: 2,
        command_line: "preempt=full mte=kernel bug=lost-tfsr -- tags kernel",
        lines: &["tags: the exit is wrong", "tags: the task switch is wrong"],
        status: 1,
    },
];
