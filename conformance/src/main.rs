//! The bare-metal side: boots at EL1, runs every program that was loaded with it, writes every record to a file, ends.
//!
//! - `boot` turns translation on;
//! - `vectors` records exceptions, `run` enters a program and is where it ends;
//! - `interrupts` lets a program send itself an IRQ and a FIQ;
//! - `host` is the machine outside: files, and the end.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod harness;

#[cfg(not(target_os = "none"))]
fn main() {}
