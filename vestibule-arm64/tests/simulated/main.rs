//! The shipped entry code on a simulated CPU: every access that the port makes of the hardware is a step, and each test
//! says which steps an exception takes, in which order.
//!
//! | module | what |
//! |---|---|
//! | `cpu` | the CPU: masks, banked return state, stacks, pending exceptions, and what it requires of whoever uses it |
//! | `hardware` | the port's hardware trait on it: each call a step |
//! | `scenario` | what tests say: boot, record, plan what happens at which step |
//! | `memory` | the names of the words that the port and the generic half keep |
//! | `exceptions` | taking an exception and returning from it, as hardware and vector do |
//! | `steps` | what happened, as text |
//! | `kernels` | kernels whose bodies and hooks only say that they ran |
//! | the rest | the tests, by what they are about |
//!
//! Expected steps stand in the tests. After a change that is meant, `UPDATE_EXPECT=1 cargo test -p vestibule-arm64`
//! writes them anew, and the difference is read line by line before it is committed.

mod cpu;
mod exceptions;
mod hardware;
mod kernels;
mod memory;
mod scenario;
mod steps;

mod breakpoints;
mod broken_bodies;
mod broken_rules;
mod fatal;
mod from_kernel;
mod from_user;
mod idle;
mod interrupts;
mod nested;
mod nmi;
mod odd_masks;
mod plain;
mod preemption;
mod step;
mod sweep;
mod tags;
mod task_switch;
mod traced;
mod user_work;
