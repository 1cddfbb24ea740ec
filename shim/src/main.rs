//! The shim: what stands at EL2 in front of a kernel that knows nothing of it.
//!
//! It starts each CPU's EL1 as firmware would, stays, and raises on request what QEMU's hardware cannot.
//!
//! - `boot` comes from the boot loader or from PSCI, and goes to the kernel; `device_tree` takes the shim's memory away from it;
//! - `vectors` is where EL1 comes back to: by SMC, which is trapped, by HVC, by a step;
//! - `psci` hands firmware calls on, `request` answers the shim's own;
//! - `serror` pends, `synchronous` has EL0 take what its CPU has none of, `step` counts instructions until they should,
//!   `interrupts` withholds those that would come first;
//! - `host` says what went wrong and ends the machine.
//!
//! Translation is off at EL2, and nothing is shared between CPUs but what PSCI starts them with.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod shim;

#[cfg(not(target_os = "none"))]
fn main() {}
