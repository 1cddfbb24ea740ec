//! Exception entry and exit for kernels, the arm64 port.
#![no_std]

pub mod classes;
pub mod entry;
pub mod hardware;
pub mod pstate;
pub mod switch;

mod bodies;
mod el0;
mod el1;
mod frame;
mod machine;
mod syndrome;
mod thread;

#[cfg(all(target_arch = "aarch64", target_os = "none"))]
mod real;
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
mod vectors;

pub use bodies::{Arm64Port, Bodies, On};
pub use frame::{Frame, NO_SYSCALL};
pub use hardware::Hardware;
pub use machine::{Arm64, Daif, Key};
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
pub use real::Real;
pub use thread::{CpuLocal, STACK_SHIFT, STACK_SIZE, Thread, current, this_cpu};
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
pub use vectors::{enter_user, install};

/// Code that runs before context tracking is on and after it is off: its own section, which nothing instruments and a
/// test over the binary checks.
macro_rules! noinstr {
    ($($item:item)*) => { $(#[unsafe(link_section = ".noinstr.text")] $item)* };
}
pub(crate) use noinstr;
