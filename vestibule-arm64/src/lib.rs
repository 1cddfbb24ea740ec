//! Exception entry and exit for kernels, the arm64 port: vectors, frame, triage, one handler for each class of
//! exceptions, stacks, the task switch. What is the same on every architecture is in [`vestibule`]; what exceptions are
//! taken for is the kernel's ([`Bodies`]).
//!
//! ```text
//!  hardware      everything masked, ELR, SPSR, ESR, FAR
//!     |
//!  vectors       stack test, X0 to X30 into the frame            assembly, and all of it
//!     |
//!  entry         ELR, SPSR, ESR, FAR into the frame; which class?
//!     |
//!  el1, el0      enter, open, run, mask, prepare, restore        a few straight lines, typed with the class's row
//!     |    \
//!     |     Bodies::...                                          the kernel
//!  entry         ELR, SPSR
//!     |
//!  vectors       X0 to X30, ERET
//! ```
//!
//! A [`Backend`] says how contexts lie on the hardware; a kernel names one. [`Daif`]: PSTATE masks interrupts, and there are no NMIs.
//! [`Pmr`]: ordinary interrupts are held back by the priority mask of a GICv3, and those of a more urgent [`priority`] are NMIs.
//! [`AllInt`]: FEAT_NMI; what has superpriority comes where PSTATE.I is set, and PSTATE.ALLINT masks it too. Upper case is masked:
//!
//! ```text
//!              Daif       Pmr: DAIF, priority mask       AllInt: DAIF, ALLINT
//!  Process     daif       daif       open                daif     0
//!  NoIrq       daIF       daif       off                 daIF     0
//!  NoNmi       daIF       daIF       as it is            daIF     1
//!  Error       dAIF       dAIF       as it is            dAIF     1
//!  Critical    DAIF       DAIF       as it is            DAIF     1
//! ```
//!
//! An NMI comes in two ways. Of code with interrupts off, it is known for one before it is acknowledged: class
//! [`El1Nmi`](classes::El1Nmi); so is one of superpriority, whatever the kernel had masked. Elsewhere it comes as any interrupt does, and the
//! acknowledgement tells.
//!
//! # Principles
//!
//! 1. **Hardware is a trait.** Whatever two accesses an exception could fall between are two calls of [`Hardware`].
//!    `Real` is the CPU; the tests run these same handlers on a simulated one.
//! 2. **Assembly does what only assembly can**: general registers, the test for a full stack before the first store,
//!    the switch, ERET.
//! 3. **Read once.** Syndrome and fault address are in the [`Frame`] before anything opens; from then on only the frame
//!    is asked.
//! 4. **What is opened and closed stands in one place.** A handler is one straight line of steps, and
//!    [`TABLE`](classes::TABLE) says of each class what the compiler has checked it for.
//! 5. **Stacks and tasks change with everything masked**, and the stack pointer together with what belongs to it.
//! 6. **Nobody saves masks for a task**, so at every [switch](switch::switch) they have their one value. That check is
//!    in every build.
//! 7. **An interrupt opens nothing before it is accounted for**, runs on the CPU's interrupt stack, and is back on the
//!    task's before anything is looked for. It is acknowledged with NMIs masked; its body comes between that and its end, with
//!    NMIs open, and sees the registers of after the acknowledgement. IRQ and FIQ are one path.
//! 8. **What nobody can go on after counts as NMI-like before a word is printed**: [`Bodies::die`].
//! 9. **What a user writes into a saved PSTATE passes the [sanitiser](pstate::sanitise).**
//! 10. **What takes two mask writes goes through a state that is no more open than its more open end**, so whatever comes in
//!     between finds one of the five contexts, or a stricter one: `Pmr` and `AllInt` each say in which order.
//! 11. **The user's stack pointer stays in SP_EL0**; TPIDR_EL1 points to the current task's [`Thread`].
//!
//! # Map
//!
//! | module | what |
//! |---|---|
//! | `vectors` | the table, saving and restoring, a task's first return |
//! | [`entry`] | what the vectors call; a simulated CPU calls it too |
//! | `el1`, `el0` | the handlers |
//! | [`classes`] | the table of classes |
//! | `bodies` | what a kernel supplies |
//! | `controller` | which interrupt it is, of which kind, and its end |
//! | `machine` | the port's side of [`vestibule::Machine`] |
//! | `backend`, `pmr`, `allint` | how contexts lie on the hardware: what each backend must say, `Daif`, and the other two |
//! | [`hardware`], `real` | every access, and the CPU itself |
//! | `frame`, [`pstate`], `syndrome` | what is saved, what may be written to it, why an exception came |
//! | [`serror`] | how bad an SError is, and who goes on after it |
//! | `restart` | system calls that a signal interrupted |
//! | `returns` | what an exit must leave as its entry found it, in checked builds |
//! | `thread` | what is kept for each task and each CPU |
//! | [`fpsimd`] | the FP/SIMD registers |
//! | [`step`] | single-stepping of user mode |
//! | [`tags`] | tag checks (MTE) of user mode's accesses, and of the kernel's |
//! | [`breakpoints`] | hardware breakpoints and watchpoints, and how to get over them |
//! | [`switch`](mod@switch) | the task switch, the first token |
//!
//! Before interrupts come, a kernel calls `install`, [`switch::boot`] and [`switch::open_first`]; the repository's
//! `examples/minimal-kernel` shows all of it. What the port takes for granted of each CPU: exceptions and ERET synchronise (SCTLR_EL1.EIS and EOS,
//! or no FEAT_ExS), and the OS lock and the OS double lock are open where there are breakpoints or steps.
#![no_std]

pub mod breakpoints;
pub mod classes;
pub mod entry;
pub mod fpsimd;
pub mod hardware;
pub mod pstate;
pub mod serror;
pub mod step;
pub mod switch;
pub mod tags;

mod allint;
mod backend;
mod bodies;
mod controller;
mod el0;
mod el1;
mod frame;
mod machine;
mod pmr;
mod restart;
mod returns;
mod syndrome;
mod thread;

#[cfg(all(target_arch = "aarch64", target_os = "none"))]
mod real;
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
mod vectors;

pub use allint::AllInt;
pub use backend::{Backend, Daif, Nmis};
pub use bodies::{Arm64Port, Bodies, Dying, On, die};
pub use controller::{Fiq, GicV3, InterruptController, Irq, Line};
pub use frame::{Frame, NO_SYSCALL};
pub use hardware::Hardware;
pub use machine::{Arm64, Key};
pub use pmr::{Pmr, priority};
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
pub use real::Real;
pub use restart::Interrupted;
pub use thread::{CpuLocal, STACK_SHIFT, STACK_SIZE, Thread, current, this_cpu};
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
pub use vectors::{enter_user, install};

/// Code that runs before context tracking is on and after it is off: its own section, which nothing instruments and a
/// test over the binary checks.
macro_rules! noinstr {
    ($($item:item)*) => { $(#[unsafe(link_section = ".noinstr.text")] $item)* };
}
pub(crate) use noinstr;
