//! User-mode test programs: what the reference kernel runs, and what its tests and measurements make happen in it.
//!
//! Each is a static arm64 Linux executable that makes system calls itself, with nothing below it. Those that need no call
//! of `runtime::test_calls` run on Linux as well. Built for the host they are empty.
//!
//! Every program says in a line or two what it saw. Its exit status is 0 if that was right and 1 if it was not; 2 means
//! that its arguments are wrong.
#![cfg_attr(target_os = "none", no_std)]

/// Makes a binary of the module of that name, whose `main` is the program.
#[macro_export]
macro_rules! program {
    ($module:ident) => {
        /// In: SP as the kernel left it, argument count and pointers above it. Nothing else is defined.
        #[cfg(target_os = "none")]
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        unsafe extern "C" fn _start() -> ! {
            core::arch::naked_asm!("mov x29, xzr", "mov x30, xzr", "mov x0, sp", "b {start}", start = sym start)
        }

        #[cfg(target_os = "none")]
        extern "C" fn start(stack: *const usize) -> ! {
            // SAFETY: `_start` passes its own stack pointer.
            unsafe { $crate::runtime::start::run(stack, $crate::$module::main) }
        }

        #[cfg(not(target_os = "none"))]
        fn main() {}
    };
}

pub mod shell;

/// The modules that are for the target only.
macro_rules! target_only {
    ($($(#[$doc:meta])* $module:ident;)*) => {
        $($(#[$doc])* #[cfg(target_os = "none")] pub mod $module;)*
    };
}

target_only! {
    runtime;

    hello;
    soak;
    planted;
    exit_with;
    syscalls;
    registers;
    count;
    hog;
    kernel_hog;
    faulting_copy;
    crash;
    faults;
    classes;
    pipes;
    files;
    futex;
    sleep;
    memory;
    tags;
    hunger;
    nmis;
    rcu;
    serrors;
    clocks;
    futexes;
    processes;
    trace;
    debug;
    breakpoints;
    signals;
    fuzz;
}
