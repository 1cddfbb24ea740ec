//! The table: one row for each class of exceptions. Handlers, documentation and model all read it here.

use crate::Arm64Port;
use crate::{el0, el1};
use vestibule::{
    Class, Critical, Debug, Error, Hardirq, Inherit, Nmi, NmiLike, NoNmi, Process, Regular, Restored, Row, Syscall,
    Taken, Then, User,
};

macro_rules! classes {
    ($($(#[$doc:meta])* $class:ident $name:literal, body $body:ty, counts $counts:ty, handler $module:ident::$handler:ident;)*) => {
        $(
            $(#[$doc])*
            pub enum $class {}
            impl Class for $class {
                const NAME: &'static str = $name;
                type Body = $body;
                type Counts = $counts;
            }
        )*

        /// The rows.
        pub const TABLE: &[Row] = &[$(Row::of::<$class>()),*];

        /// Each row's handler is a handler of that class: another class's does not compile here.
        #[allow(dead_code, reason = "the compiler is who reads it")]
        fn handlers<P: Arm64Port>() {
            $(let _: for<'f> fn(Taken<'f, P, $class>) -> Restored<'f, P, $class> = $module::$handler::<P>;)*
        }
    };
}

classes! {
    /// SVC from AArch64 user mode.
    El0Svc "el0_svc", body Process, counts Syscall, handler el0::svc;
    /// SVC after an asynchronous tag check that failed: not run, but made again.
    El0SvcAgain "el0_svc_again", body Process, counts User, handler el0::svc_again;
    /// Data and instruction aborts of user mode.
    El0Abort "el0_abort", body Process, counts User, handler el0::abort;
    /// BRK in user mode.
    El0Brk "el0_brk", body Process, counts User, handler el0::brk;
    /// Software steps of user mode: one instruction was executed.
    El0Step "el0_step", body Process, counts User, handler el0::step;
    /// Breakpoints of user mode, before the instruction: the breakpoint's body, then what user mode means.
    El0Breakpoint "el0_breakpoint", body Then<Critical, Process>, counts User, handler el0::breakpoint;
    /// Watchpoints of user mode, before the access.
    El0Watchpoint "el0_watchpoint", body Then<Critical, Process>, counts User, handler el0::watchpoint;
    /// Undefined instructions of user mode.
    El0Undefined "el0_undefined", body Process, counts User, handler el0::undefined;
    /// Interrupts from user mode: which one it is, and if it is an NMI its body; then any other's body.
    El0Irq "el0_irq", body Then<NoNmi, Hardirq>, counts User, handler el0::irq;
    /// The same by FIQ: interrupts of the GIC's group 0.
    El0Fiq "el0_fiq", body Then<NoNmi, Hardirq>, counts User, handler el0::fiq;
    /// SError in user mode: the error's body, then what user mode means.
    El0Serror "el0_serror", body Then<Error, Process>, counts User, handler el0::serror;
    /// Any other synchronous exception of user mode, branch targets, pointer authentication and memory operations among them: what
    /// comes of it, the body knows.
    El0Unhandled "el0_unhandled", body Process, counts User, handler el0::unhandled;
    /// Data and instruction aborts of the kernel.
    El1Abort "el1_abort", body Inherit, counts Regular, handler el1::abort;
    /// Undefined instructions of the kernel.
    El1Undefined "el1_undefined", body Inherit, counts Regular, handler el1::undefined;
    /// Interrupts from the kernel: which one it is, and if it is an NMI its body; then any other's body.
    El1Irq "el1_irq", body Then<NoNmi, Hardirq>, counts Regular, handler el1::irq;
    /// The same by FIQ: interrupts of the GIC's group 0.
    El1Fiq "el1_fiq", body Then<NoNmi, Hardirq>, counts Regular, handler el1::fiq;
    /// NMIs from the kernel, known as such before they are acknowledged.
    El1Nmi "el1_nmi", body NoNmi, counts Nmi, handler el1::nmi;
    /// BRK in the kernel.
    El1Brk "el1_brk", body Critical, counts Debug, handler el1::brk;
    /// Breakpoints of the kernel, before the instruction.
    El1Breakpoint "el1_breakpoint", body Critical, counts Debug, handler el1::breakpoint;
    /// Watchpoints of the kernel, before the access.
    El1Watchpoint "el1_watchpoint", body Critical, counts Debug, handler el1::watchpoint;
    /// Software steps of the kernel: the instruction was executed that one of those came before.
    El1Step "el1_step", body Critical, counts Debug, handler el1::step;
    /// SError in the kernel.
    El1Serror "el1_serror", body Error, counts NmiLike, handler el1::serror;
}

/// An exception that nobody can go on after. No row: there is no body and no exit.
pub(crate) enum Fatal {}
impl Class for Fatal {
    const NAME: &'static str = "fatal";
    type Body = Critical;
    type Counts = NmiLike;
}
