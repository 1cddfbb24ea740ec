//! The terminal: a line discipline between a serial port and programs, and the session that it belongs to.
//!
//! ```text
//!   serial port --interrupt--> ring --feeder--> discipline --> read, poll
//!        ^                                          |
//!        +---------------- send <--- output <-------+--------- write
//! ```

#[cfg(target_os = "none")]
mod control;
#[cfg(target_os = "none")]
mod device;
mod discipline;
#[cfg(target_os = "none")]
mod file;
mod input;
#[cfg(target_os = "none")]
mod job_control;
mod line;
mod output;
#[cfg(target_os = "none")]
mod receive;
mod ring;
mod termios;
#[cfg(target_os = "none")]
mod transfer;

#[cfg(target_os = "none")]
pub use {
    device::{TERMINAL, Terminal},
    file::open,
    receive::{feed, handle, interrupt, start},
};
