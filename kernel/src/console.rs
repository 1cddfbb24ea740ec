//! The kernel's log: whole lines from several CPUs, safe to print to from any context, a panic in an NMI included.
//! What programs write goes to the terminal, which is another serial port where the machine has two.
//!
//! The lock knows its owner. A CPU that already holds it prints on rather than wait for itself, and a CPU that waits too
//! long (because the holder is stuck or stopped) prints without it: garbled output beats none.

use core::fmt::{self, Write};
use core::hint::spin_loop;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::registers::read_register;
use vestibule::IrqsSaved;

use crate::reference::Reference;
use crate::uart;

/// MPIDR_EL1 of the CPU that prints, with [`TAKEN`] set; zero if nobody does.
static OWNER: AtomicU64 = AtomicU64::new(0);
const TAKEN: u64 = 1 << 63;
const PATIENCE: u32 = 50_000_000;

struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        uart::LOG.write_lines(text.as_bytes());
        Ok(())
    }
}

/// Prints `arguments` in one piece. What [`print!`](crate::print) and [`println!`](crate::println) call.
pub fn print(arguments: fmt::Arguments) {
    let _masked = IrqsSaved::<Reference>::save();
    let this_cpu = read_register!("mpidr_el1") | TAKEN;
    let taken_here = take(this_cpu);
    // The console cannot fail, and a `Display` that fails has printed what it could.
    let _ = Console.write_fmt(arguments);
    if taken_here {
        OWNER.store(0, Ordering::Release);
    }
}

/// Sends a few bytes to the terminal; not into the middle of a line of the log, where both are one port.
pub fn send_to_terminal(bytes: &[u8]) {
    if !uart::LOG.is(&uart::TERMINAL) {
        return bytes.iter().for_each(|byte| uart::TERMINAL.write_byte(*byte));
    }
    let _masked = IrqsSaved::<Reference>::save();
    let this_cpu = read_register!("mpidr_el1") | TAKEN;
    let taken_here = take(this_cpu);
    bytes.iter().for_each(|byte| uart::TERMINAL.write_byte(*byte));
    if taken_here {
        OWNER.store(0, Ordering::Release);
    }
}

/// Takes the console for `this_cpu`; false if it goes on without being the owner.
fn take(this_cpu: u64) -> bool {
    for _ in 0..PATIENCE {
        match OWNER.compare_exchange_weak(0, this_cpu, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return true,
            Err(owner) if owner == this_cpu => return false,
            Err(_) => spin_loop(),
        }
    }
    false
}

/// Prints to the log.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => { $crate::console::print(format_args!($($argument)*)) };
}

/// Prints a line to the log.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($argument:tt)*) => { $crate::console::print(format_args!("{}\n", format_args!($($argument)*))) };
}
