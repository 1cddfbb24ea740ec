//! Counts, exactly and repeatably, what exception entry and exit at EL1 cost in instructions.
//!
//! As a `cdylib` this is a plugin for QEMU 10 (plugin API 4). It watches an unmodified arm64 kernel from outside: an *event*
//! begins with the first instruction of an exception vector and ends with the ERET that leaves on the same stack pointer,
//! both included. What runs inside the address ranges named as *entry text* is the overhead of entry and exit; the rest is
//! the body. As an `rlib` it gives the reader of the numbers their types: [`report`].
//!
//! ```text
//! qemu-system-aarch64 -smp 1 -icount shift=0,sleep=off -rtc clock=vm -seed 1 … \
//!     -plugin libvestibule_counter.so,vbar=ADDR,text=START-END,switch=ADDR,out=FILE
//! ```
//!
//! | argument | meaning |
//! |---|---|
//! | `vbar=ADDR` | the vector table of EL1, a virtual address in hex; without it, the one VBAR_EL1 points to at the time |
//! | `text=START-END` | entry text, END excluded; may be given several times |
//! | `switch=ADDR` | an instruction that runs exactly once for each task switch, for example the first of the switch function |
//! | `out=FILE` | where the report goes as JSON; standard error without it |
//!
//! Programs delimit phases with HINT instructions that no architecture extension up to Armv9.4 allocates: `hint #64+n` begins
//! phase n (0 to 31) on this CPU, `hint #96` ends it. What is done several times in a phase, and takes more than one event, is
//! a *round*: `hint #97` ends one and begins the next. A round is all that the kernel ran, for whichever task.
//!
//! What the numbers do not mean: an instruction that faults counts once for each attempt, so an event with a fault inside is a
//! little dearer than its text; such events are *disturbed* and stay out of the medians. Loads and stores are instructions
//! of the general and SIMD load/store class (a pair is one, an atomic read-modify-write is one of each); prefetches, `DC ZVA`
//! and SVE accesses are none. With several CPUs the plugin wants `-accel tcg,thread=multi` without `-icount`: on one
//! thread QEMU 10 tells a plugin the wrong CPU, which the plugin refuses. Instructions at EL2 count like those of EL1: count kernels that were started at EL1.

mod arguments;
mod class;
mod decode;
mod ledger;
#[cfg(not(test))] // unit tests are executables of their own: QEMU's symbols exist only inside QEMU
mod plugin;
#[cfg(not(test))]
mod qemu;
pub mod report;
mod rounds;
mod tracker;

pub use decode::control;
