//! The kernel's breakpoints change where nothing that came of one, or in the middle of such a change, is in charge.
//@ codegen
//@ debugger: E0080 "the kernel's breakpoints change in `NoIrq` or `Hardirq`"
//@ nmi: E0080 "the kernel's breakpoints change in `NoIrq` or `Hardirq`"

use support::*;
use vestibule_arm64::breakpoints::{Kind, Point, set_of_kernel};

#[cfg(good)]
pub type Token = Cpu<SomeKernel, Hardirq>;
#[cfg(bad = "debugger")]
pub type Token = Cpu<SomeKernel, Critical>;
#[cfg(bad = "nmi")]
pub type Token = Cpu<SomeKernel, NoNmi>;

pub fn body(cpu: Token) -> Token {
    // SAFETY: none of it runs.
    unsafe { set_of_kernel(&cpu, Kind::Breakpoint, 0, Point::default()) };
    cpu
}
