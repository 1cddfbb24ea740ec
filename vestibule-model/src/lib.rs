//! Everything that can arrive, at every step of the shipped entry and exit code.
//!
//! The code under test is what kernels compile: `vestibule` and `vestibule-arm64`, unchanged. It reaches the hardware through one
//! trait, [`Hardware`](vestibule_arm64::Hardware), and here that trait is a simulated CPU whose every access is a step. After a
//! step anything may come that the masks let in, and be handled by the same code, at whose steps again anything may come.
//!
//! ```text
//!  family       the program that is interrupted: user mode, a task, a handler, idle, ...
//!     |
//!  kernel       bodies, scheduler, soft interrupts: whatever they may do or not is a choice
//!     |
//!  entry        the shipped handlers of the design
//!     |  Hardware
//!  hardware     the access is made                             cpu, machine, world
//!     |
//!  step         it becomes history, and is checked             shadow, rules
//!     |
//!     +-- oracle: what comes now? --- nothing ---> the next access
//!     |                          |
//!     |                          +-- another CPU sets a flag
//!     |
//!  vector       an exception: a call of its handler, right here, on the same native stack
//! ```
//!
//! A task is a coroutine and a task switch leaves its native stack for another. A nested exception is a nested call. So an
//! execution is an ordinary run of ordinary code, and is named by the few decisions in it that were not for nothing.
//!
//! # Principles
//!
//! 1. **What is shipped is what runs.** There is no second description of the entry code that could differ from it. A
//!    [`Design`](design::Design) is the functions that vectors call, and a program; a known bug replaces one of them.
//! 2. **A constraint is looked at where it can be seen**, with its number of `docs/constraints.md`, at each step of each
//!    execution. The library's own run-time checks are on and count as well.
//! 3. **A state is the machine and a history.** Native stacks are not looked at: code is deterministic, so what it was told
//!    stands for its locals and its place ([`shadow`]). History that code cannot know any more is dropped.
//! 4. **Fewest events first** ([`explore()`](explore::explore)), so the first counterexample is one of the shortest.
//! 5. **Every reduction can be switched off**, and then the verdicts must be the same.
//! 6. **A counterexample is for reading**: a [`Timeline`](timeline::Timeline), the shipped sequence beside it
//!    ([`compare`]), a token (`token`) that brings it back.
//!
//! # Map
//!
//! | of the machine | of the search | of what is checked | for people |
//! |---|---|---|---|
//! | `cpu`: PSTATE, exceptions, ERET | `event`: what can come | `rules`: the constraints | `record`, `fold`: steps, and which matter |
//! | `backend`: which masks a context has | `step`: may it come here? | `observe`: bodies, work, scheduler | `timeline`, `compare`, `html` |
//! | `world`: all of it, tasks, memory; `machine`: interrupt controller, wait | `oracle`: who decides; `limits`: what is left out | `ghost`: what the code does not remember | `token`: again |
//! | `hardware`: the port's trait | `shadow`: history | `constraints`: the page | `report`, `summary`, `cli` |
//! | `vector`: what assembly does | `explore`: layers, threads; `walk`, `kept`: executions that begin alike | `verdict`: how it ended | `shipped_run`, `corpus_run` |
//! | `task`, `fibers`: tasks; `op`: accesses; `fpsimd`, `stepping`, `tagging` | `family`, `design`, `kernel`: of what | `corpus`: designs with known bugs | |
//!
//! What the model covers, what it does not, and what it came to: `docs/model.md`. To put a kernel's own hooks under it:
//! `examples/own_hooks.rs`.

pub mod backend;
#[cfg(feature = "command")]
pub mod cli;
pub mod compare;
pub mod constraints;
pub mod corpus;
pub mod cpu;
pub mod design;
pub mod event;
pub mod explore;
pub mod family;
pub mod fold;
pub mod fpsimd;
pub mod ghost;
pub mod hardware;
#[cfg(feature = "command")]
pub mod html;
pub mod kernel;
pub mod observe;
pub mod op;
pub mod oracle;
pub mod record;
#[cfg(feature = "command")]
pub mod report;
pub mod shadow;
pub mod step;
pub mod stepping;
#[cfg(feature = "command")]
pub mod summary;
pub mod tagging;
mod task;
pub mod timeline;
#[cfg(feature = "command")]
pub mod token;
pub mod vector;
pub mod verdict;
pub mod world;

#[cfg(feature = "command")]
mod corpus_run;
mod fibers;
mod kept;
mod limits;
mod machine;
mod rules;
#[cfg(feature = "command")]
mod shipped_run;
mod walk;
