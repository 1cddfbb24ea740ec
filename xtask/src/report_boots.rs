//! Boots that end in the kernel's report: one of each kind of crash, and what an engineer must find in it.

use crate::boot_test::BootTest;

/// Those lines; then how the kernel came there, as far as every system call shares it, and the end of the report.
macro_rules! reported_in_call {
    ($($line:literal),+ $(,)?) => {
        &[
            $($line,)+
            "kernel::syscalls::call+",
            "vestibule_arm64::vectors::el0_sync+",
            "--- from user mode at ",
            "last entries",
        ]
    };
}

/// In the order they run.
pub const REPORT_TESTS: &[BootTest] = &[
    BootTest {
        name: "a bug in the kernel is told, and what an earlier exception left behind is not",
        cpus: 2,
        command_line: "preempt=full -- crash kernel-bug",
        lines: reported_in_call![
            "BRK in the kernel",
            "why: BRK 0x1; syndrome 0xf2000001",
            "no fault address",
            "interrupted: Process [....] on a task's stack",
            "body: Critical [DAIF",
            "task: 1 of process 1 (crash)",
            "counts: preemption off 1, softirq 0, hardirq 1, NMI 1",
            "pc 0x",
            "lr 0x",
            "sp 0x",
            "x28 ",
        ],
        status: 1,
    },
    BootTest {
        name: "an undefined instruction in the kernel is told",
        cpus: 2,
        command_line: "preempt=full -- crash kernel-undefined",
        lines: reported_in_call![
            "undefined instruction in the kernel",
            "why: undefined instruction; syndrome 0x2000000",
            "no fault address",
            "body: Process [....]",
            "task: 1 of process 1 (crash)",
            "kernel::fault_hooks::undefined+0x",
        ],
        status: 1,
    },
    BootTest {
        name: "a fault in entry code is told as that",
        cpus: 2,
        command_line: "preempt=full -- crash kernel-entry",
        lines: reported_in_call!["a fault in entry code (C15)", "kernel::fault_hooks::in_entry_text+0x"],
        status: 1,
    },
    BootTest {
        name: "an exception of the kernel that no class is for is told",
        cpus: 2,
        command_line: "preempt=full -- crash kernel-jump",
        lines: reported_in_call![
            "unhandled synchronous exception in the kernel",
            "why: PC alignment; syndrome 0x8a000000",
            "fault address 0xffffff",
            "interrupted: Process [....]",
            "task: 1 of process 1 (crash)",
            "kernel::fault_hooks::undefined+0x2",
        ],
        status: 1,
    },
    BootTest {
        name: "a panic is told as an exception is",
        cpus: 2,
        command_line: "preempt=full -- crash kernel-panic",
        lines: reported_in_call![
            "panicked at kernel/src/fault_hooks.rs",
            "a program asked for it",
            "in: Process [....] on a task's stack",
            "task: 1 of process 1 (crash)",
            "counts: preemption off 0, softirq 0, hardirq 1, NMI 1",
            "core::panicking::panic_fmt+",
        ],
        status: 1,
    },
    BootTest {
        name: "a kernel that touches user memory is stopped, and the program is not",
        cpus: 2,
        command_line: "preempt=full -- crash kernel-reads-user",
        lines: reported_in_call![
            "the kernel touched user memory",
            "why: data abort, permission fault at level 3, of a load; syndrome 0x96",
            "fault address 0x0000007f",
            "interrupted: Process [....]",
            "task: 1 of process 1 (crash)",
            "kernel::fault_hooks::touch+",
        ],
        status: 1,
    },
    BootTest {
        name: "last entries that are not kept are missed",
        cpus: 1,
        command_line: "preempt=full bug=lost-entries -- crash kernel-undefined",
        lines: &["--- from user mode at ", "last entries of CPU 0, of 0, the newest first"],
        status: 1,
    },
    BootTest {
        name: "without PAN nobody would have noticed",
        cpus: 2,
        command_line: "preempt=full bug=no-pan -- crash kernel-reads-user",
        lines: &["crash: still here after kernel-reads-user"],
        status: 1,
    },
    BootTest {
        name: "a kernel stack that overflows is found and told",
        cpus: 2,
        command_line: "preempt=full -- crash kernel-stack",
        lines: reported_in_call![
            "kernel stack overflow",
            "why: data abort, translation fault at level 3, of a store",
            "fault address 0xffffff",
            "interrupted: Process [....] on a task's stack, below its end",
            "told: [DAIF] on the overflow stack of CPU ",
            "task: 1 of process 1 (crash)",
            "kernel::test_hooks::overflow+",
            "the same 1",
        ],
        status: 1,
    },
    BootTest {
        name: "an interrupt stack that overflows is found and told",
        cpus: 2,
        command_line: "preempt=full -- crash handler-stack",
        lines: &[
            "kernel stack overflow",
            "why: data abort, translation fault at level 3, of a store",
            "] on the interrupt stack of CPU ",
            "told: [DAIF] on the overflow stack of CPU ",
            "hardirq 2, NMI 1",
            "kernel::test_hooks::overflow+",
            "kernel::interrupts::handle+",
            "last entries",
        ],
        status: 1,
    },
    BootTest {
        name: "an entry whose frame does not fit is found and told",
        cpus: 2,
        command_line: "preempt=full -- crash entry-stack",
        lines: reported_in_call![
            "kernel stack overflow",
            "why: BRK 0x1; syndrome 0xf2000001",
            "interrupted: Process [....] on a task's stack",
            "told: [DAIF] on the overflow stack of CPU ",
            "task: 1 of process 1 (crash)",
            "kernel::fault_hooks::breakpoint+",
        ],
        status: 1,
    },
    BootTest {
        name: "a stack that overflows in the fault of a user copy is found and told",
        cpus: 2,
        command_line: "preempt=full -- crash copy-stack",
        lines: reported_in_call![
            "kernel stack overflow",
            "why: data abort, translation fault at level 3, of a store",
            "fault address 0xffffff",
            "interrupted: Process [....] on a task's stack",
            "told: [DAIF] on the overflow stack of CPU ",
            "task: 1 of process 1 (crash)",
            "vestibule_arm64::entry::el1_sync+",
            "--- exception, pstate ",
            "user_copy_in+",
        ],
        status: 1,
    },
];
