//! Exception entry and exit for kernels, the generic half: the code that every interrupt, fault, system call and error
//! runs through on its way into a kernel, and again on its way out. It knows no architecture and no kernel; a port
//! ([`Machine`], [`Masks`]) stands below it, a kernel ([`Kernel`]) above.
//!
//! One exception is one value. Its type names the class and how far it has come, each step consumes it, and a handler
//! must return what only the last step makes:
//!
//! ```text
//! Taken --enter--> Entered --open--> Open<C> --run--> Ran<C> --mask--> Masked --prepare--> Ready --restore--> Restored
//!
//!   a body in two contexts:    Ran<C> --then--> Open<D> --run--> Ran<D>
//!   an interrupt:              Open<NoNmi> --acknowledge--> Ran<NoNmi> --then--> Open<Hardirq> --run_hardirq--> Ran<Hardirq>
//!   a system call:             Open --trace_entry--> Traced --call--> Called --trace_exit--> Ran
//!   NMIs, NMI-like and debug:  mask leads to Ready at once
//!   prepare:                   look; only if there is work: open, do it, mask, look again
//! ```
//!
//! What may interrupt the CPU is a type too: five nested [contexts](Context), and three that are one of the five with
//! something said on top.
//!
//! ```text
//!            may come in                      also
//! Process    anything                         Atomic: stays on its CPU
//! NoIrq      NMIs, SError, debug exceptions   Hardirq: in an interrupt's body
//! NoNmi      SError, debug exceptions
//! Error      debug exceptions
//! Critical   nothing                          Inherit: as what was interrupted, whatever that was
//! ```
//!
//! # Principles
//!
//! 1. **A context is a type.** A [`Cpu`] token takes no space and says what is masked. Ports make the first, steps turn
//!    one into the next, nobody else does either.
//! 2. **Masks and tokens move together, and only here.** Whoever moves a mask, a stack or tracking needs a [`Step`],
//!    which only this crate makes.
//! 3. **A task switch needs `NoIrq`**: with SError or debug exceptions masked it does not compile
//!    ([`Scheduler::schedule`]). State is restored with everything masked, or not at all ([`Exception::restore`]).
//! 4. **A path cannot forget its exit.** It has no [`Restored`] to return, and an exception that could be dropped does
//!    not build.
//! 5. **Policy is data.** A [`Class`] is its row: the body's context and how it counts. The handler is typed with it,
//!    documents are rendered from it. No run-time value decides a mask, but for the saved state that `Inherit` puts
//!    back.
//! 6. **Mask once, then look.** An exit masks everything in one write and reads one word. Only if that says so does it
//!    open again: to `NoIrq` to reschedule, to `Process` for work of the user's task.
//! 7. **Counts and flags are one word of the task** ([`TaskWord`]), changed by single atomic operations: another CPU's
//!    flag is never lost in this one's count.
//! 8. **What may come in the middle of anything leaves no trace**: NMIs, NMI-like and debug exceptions save what they find,
//!    put back exactly that, and never schedule. An interrupt is asked which it is where no NMI comes, before it counts; if it is
//!    an NMI, it counts as one ([`Exception::acknowledge`]).
//! 9. **A kernel takes what it needs.** Each concern is a trait; `()` is the one that does nothing and costs nothing.
//! 10. **Every rule has a number**, `docs/constraints.md` has them all, and with [`Checks`] the code compares itself
//!     with them as it runs.
//!
//! # Map
//!
//! | of an exception | of the CPU and its tasks | between port and kernel |
//! |---|---|---|
//! | `exception`: the value and its steps | `context`: contexts as types | `port`: what a port supplies |
//! | `class`: rows | `cpu`: the token | `hooks`: what a kernel supplies |
//! | `accounting`: what entry and exit tell whom | `guard`: what bodies take from it | `model`: preemption models |
//! | `masks`: opening and closing | `word`: the task word | |
//! | `prepare`: look and work | `tracking`, `irqs`: what is watched and believed | |
//! | `hardirq`: interrupts and soft interrupts | `idle`: the wait | |
//!
//! To use it, read the repository's `examples/minimal-kernel`; to port it, `tests/toy_port` of this crate, which is a
//! machine with one mask bit.
#![no_std]
#![forbid(unsafe_code)]

mod accounting;
mod class;
mod context;
mod cpu;
mod exception;
mod guard;
mod hardirq;
mod hooks;
mod idle;
mod irqs;
mod masks;
mod model;
mod port;
mod prepare;
mod tracking;
mod word;

pub use accounting::*;
pub use class::*;
pub use context::*;
pub use cpu::*;
pub use exception::*;
pub use guard::*;
pub use hooks::*;
pub use irqs::TrackedIrqs;
pub use masks::Opens;
pub use model::*;
pub use port::*;
pub use tracking::*;
pub use word::*;
