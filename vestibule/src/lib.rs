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
