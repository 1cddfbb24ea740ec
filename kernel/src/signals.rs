//! Signals: what is sent, to whom it goes, and what becomes of it on the way to user mode.
//!
//! ```text
//!   send --> pending of a process or a task --> notify: flag in the task word, wake-up, interrupt
//!                                                   |
//!   user mode <-- frame on the user's stack <-- deliver, in the exit's work loop
//! ```

mod info;
mod signal;

#[cfg(target_os = "none")]
mod action;
#[cfg(target_os = "none")]
mod alternate;
#[cfg(target_os = "none")]
mod call;
#[cfg(target_os = "none")]
mod deliver;
#[cfg(target_os = "none")]
mod layout;
#[cfg(target_os = "none")]
mod of_task;
#[cfg(target_os = "none")]
mod pending;
#[cfg(target_os = "none")]
mod send;

#[cfg(not(target_os = "none"))]
pub use signal::Signal;
#[cfg(target_os = "none")]
pub use {
    action::{Action, Actions, Disposition},
    alternate::{Alternate, AlternateStack},
    call::back,
    deliver::{deliver, exit_task},
    info::*,
    of_task::{TaskSignals, is_interrupted},
    pending::{Full, Pending},
    send::{discard, look_again, notify, pass_on, raise, send, send_group, send_task, try_send, try_send_task},
    signal::{Default, Signal, SignalSet},
};
