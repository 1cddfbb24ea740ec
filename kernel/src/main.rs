//! The reference kernel: the smallest one in which every path of an exception is real.
//!
//! Built for `aarch64-unknown-none-softfloat` it boots on QEMU's `virt` machine (GICv3, PL011) from the arm64 Linux boot
//! protocol at EL1. Built for the host it is an empty program whose pure modules can be tested.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![cfg_attr(test, allow(dead_code, reason = "what only the kernel itself uses is not built for the tests"))]

extern crate alloc;

#[cfg(any(test, target_os = "none"))]
mod bitmap;
#[cfg(any(test, target_os = "none"))]
mod debug_registers;
#[cfg(any(test, target_os = "none"))]
mod elf;
#[cfg(any(test, target_os = "none"))]
mod errno;
#[cfg(any(test, target_os = "none"))]
mod files;
#[cfg(any(test, target_os = "none"))]
mod identification;
#[cfg(test)]
#[path = "host_lock.rs"]
mod lock;
#[cfg(any(test, target_os = "none"))]
mod memory_operations;
#[cfg(any(test, target_os = "none"))]
mod options;
#[cfg(any(test, target_os = "none"))]
mod page_entry;
#[cfg(any(test, target_os = "none"))]
mod planted;
#[cfg(any(test, target_os = "none"))]
mod regions;
#[cfg(any(test, target_os = "none"))]
mod script;
#[cfg(any(test, target_os = "none"))]
mod signals;
#[cfg(any(test, target_os = "none"))]
mod syndrome;
#[cfg(any(test, target_os = "none"))]
mod terminal;
#[cfg(any(test, target_os = "none"))]
mod user_stack;

#[cfg(target_os = "none")]
mod address_space;
#[cfg(target_os = "none")]
mod alarms;
#[cfg(target_os = "none")]
mod asids;
#[cfg(target_os = "none")]
mod backing;
#[cfg(target_os = "none")]
mod backtrace;
#[cfg(target_os = "none")]
mod bodies;
#[cfg(target_os = "none")]
mod boot;
#[cfg(target_os = "none")]
mod branch_targets;
#[cfg(target_os = "none")]
mod breakpoints;
#[cfg(target_os = "none")]
mod bring_up;
#[cfg(target_os = "none")]
mod clocks;
#[cfg(target_os = "none")]
mod console;
#[cfg(target_os = "none")]
mod contents;
#[cfg(all(target_os = "none", feature = "checked"))]
mod counted;
#[cfg(target_os = "none")]
mod cpu_time;
#[cfg(target_os = "none")]
mod cycle_counter;
#[cfg(target_os = "none")]
mod device_tree;
#[cfg(target_os = "none")]
mod early_vectors;
#[cfg(target_os = "none")]
mod entries;
#[cfg(any(test, target_os = "none"))]
mod fallible;
#[cfg(target_os = "none")]
mod fault_hooks;
#[cfg(target_os = "none")]
mod faults;
#[cfg(target_os = "none")]
mod frames;
#[cfg(target_os = "none")]
mod futex;
#[cfg(target_os = "none")]
mod gic;
#[cfg(target_os = "none")]
mod hardware_capabilities;
#[cfg(target_os = "none")]
mod heap;
#[cfg(target_os = "none")]
mod held;
#[cfg(target_os = "none")]
mod instruction_cache;
#[cfg(target_os = "none")]
mod interrupted;
#[cfg(target_os = "none")]
mod interrupts;
#[cfg(target_os = "none")]
mod layout;
#[cfg(target_os = "none")]
mod lock;
#[cfg(target_os = "none")]
mod lockup;
#[cfg(target_os = "none")]
mod memory_functions;
#[cfg(target_os = "none")]
mod mte;
#[cfg(target_os = "none")]
mod nmi;
#[cfg(target_os = "none")]
mod nmi_work;
#[cfg(target_os = "none")]
mod out_of_memory;
#[cfg(target_os = "none")]
mod paging;
#[cfg(target_os = "none")]
mod percpu;
#[cfg(target_os = "none")]
mod pointer_authentication;
#[cfg(target_os = "none")]
mod power;
#[cfg(target_os = "none")]
mod process;
#[cfg(target_os = "none")]
mod processes;
#[cfg(target_os = "none")]
mod profile;
#[cfg(target_os = "none")]
mod psci;
#[cfg(target_os = "none")]
mod ptrace;
#[cfg(target_os = "none")]
mod random;
#[cfg(target_os = "none")]
mod rcu;
#[cfg(target_os = "none")]
mod reference;
#[cfg(target_os = "none")]
mod registers;
#[cfg(target_os = "none")]
mod report;
#[cfg(target_os = "none")]
mod restart;
#[cfg(target_os = "none")]
mod rtc;
#[cfg(target_os = "none")]
mod sampling;
#[cfg(target_os = "none")]
mod scheduler;
#[cfg(target_os = "none")]
mod self_check;
#[cfg(target_os = "none")]
mod serrors;
#[cfg(target_os = "none")]
mod shared_memory;
#[cfg(target_os = "none")]
mod shim;
#[cfg(target_os = "none")]
mod sleep;
#[cfg(target_os = "none")]
mod smp;
#[cfg(target_os = "none")]
mod softirqs;
#[cfg(target_os = "none")]
mod stacks;
#[cfg(target_os = "none")]
mod statistics;
#[cfg(all(target_os = "none", feature = "allint"))]
mod superpriority;
#[cfg(target_os = "none")]
mod symbols;
#[cfg(target_os = "none")]
mod syscalls;
#[cfg(target_os = "none")]
mod system;
#[cfg(target_os = "none")]
mod task;
#[cfg(target_os = "none")]
mod test_hooks;
#[cfg(target_os = "none")]
mod timer;
#[cfg(target_os = "none")]
mod timers;
#[cfg(target_os = "none")]
mod tlb;
#[cfg(target_os = "none")]
mod uart;
#[cfg(target_os = "none")]
mod user_copy;
#[cfg(target_os = "none")]
mod user_exceptions;
#[cfg(target_os = "none")]
mod user_tables;
#[cfg(target_os = "none")]
mod wait;

#[cfg(not(target_os = "none"))]
fn main() {}
