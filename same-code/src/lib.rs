//! The arm64 handlers twice: compiled from the library, and from what one would write by hand without tokens, stages and
//! closures. Both are entry code for a kernel of which nothing is known: every hook is a function that another crate has.
//!
//! Each has two variants on each backend: every concern answered for (`Full`), and neither tracking nor tracing (`Bare`).
#![no_std]

#[cfg(all(target_os = "none", feature = "by-hand"))]
pub mod by_hand;
#[cfg(all(target_os = "none", feature = "by-library"))]
pub mod by_library;
#[cfg(target_os = "none")]
mod hooks;
