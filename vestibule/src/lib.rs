//! Exception entry and exit for kernels, the generic half.
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

pub use accounting::{Accounting, BelievedOn, Counts, Debug, FromIdle, FromUser, NmiLike, Prepares, Regular, Syscall, User};
pub use class::{Body, Class, Row, Then, TwoHalves};
pub use context::{
    Atomic, Context, Critical, Error, Fixed, Inherit, IrqsMasked, IrqsOpen, Level, MaySleep, NoIrq, NoNmi, Pinned,
    Process,
};
pub use cpu::{Cpu, IrqsSaved, Resolved};
pub use exception::{Entered, Exception, Masked, MayPrepare, MayRestore, Open, Ready, Restored, Stage, Taken};
pub use guard::{IrqsOff, PreemptOff};
pub use hooks::{Broken, Cause, Checks, ContextTracking, IrqTracing, Kernel, Scheduler, Softirqs, UserWork};
pub use irqs::TrackedIrqs;
pub use masks::Opens;
pub use model::{Asking, Preemption};
pub use port::{FrameOf, KeyOf, Machine, Masks, Port, Step};
pub use tracking::{CpuState, Tracked};
pub use word::{Flags, TaskWord, Word};
