//! How little a kernel must write to use vestibule.
//!
//! Two threads count, neither ever gives the CPU away, and a timer takes it from each in turn: involuntary preemption of
//! code that runs in the kernel. Each turn is reported; after ten, QEMU ends with status 0.
//!
//! - `kernel` is what the library asks for. Read it from top to bottom.
//! - `machine` is what any kernel needs, with this library or without: translation on, a serial port, a timer.
//!
//! ```text
//! qemu-system-aarch64 -M virt,gic-version=3 -cpu cortex-a76 -display none -serial stdio \
//!     -semihosting-config enable=on,target=native -kernel minimal-kernel
//! ```
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod kernel;
#[cfg(target_os = "none")]
mod machine;

#[cfg(not(target_os = "none"))]
fn main() {}
