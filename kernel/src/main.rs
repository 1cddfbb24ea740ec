//! The reference kernel: the smallest one in which every path of an exception is real.
//!
//! Built for `aarch64-unknown-none-softfloat` it boots on QEMU's `virt` machine (GICv3, PL011) from the arm64 Linux boot
//! protocol at EL1. Built for the host it is an empty program whose pure modules can be tested.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![cfg_attr(test, allow(dead_code, reason = "what only the kernel itself uses is not built for the tests"))]
#![cfg_attr(target_os = "none", expect(dead_code, reason = "system calls and scheduler come with the port's vectors"))]

extern crate alloc;

#[cfg(any(test, target_os = "none"))]
mod archive;
#[cfg(any(test, target_os = "none"))]
mod bitmap;
#[cfg(any(test, target_os = "none"))]
mod elf;
#[cfg(any(test, target_os = "none"))]
mod regions;
#[cfg(any(test, target_os = "none"))]
mod user_stack;

#[cfg(target_os = "none")]
mod address_space;
#[cfg(target_os = "none")]
mod boot;
#[cfg(target_os = "none")]
mod bring_up;
#[cfg(target_os = "none")]
mod console;
#[cfg(target_os = "none")]
mod device_tree;
#[cfg(target_os = "none")]
mod early_vectors;
#[cfg(target_os = "none")]
mod frames;
#[cfg(target_os = "none")]
mod gic;
#[cfg(target_os = "none")]
mod heap;
#[cfg(target_os = "none")]
mod irqs;
#[cfg(target_os = "none")]
mod layout;
#[cfg(target_os = "none")]
mod lock;
#[cfg(target_os = "none")]
mod paging;
#[cfg(target_os = "none")]
mod percpu;
#[cfg(target_os = "none")]
mod power;
#[cfg(target_os = "none")]
mod psci;
#[cfg(target_os = "none")]
mod registers;
#[cfg(target_os = "none")]
mod self_check;
#[cfg(target_os = "none")]
mod smp;
#[cfg(target_os = "none")]
mod stacks;
#[cfg(target_os = "none")]
mod timer;
#[cfg(target_os = "none")]
mod uart;
#[cfg(target_os = "none")]
mod user_copy;
#[cfg(target_os = "none")]
mod user_tables;

#[cfg(not(target_os = "none"))]
fn main() {}
