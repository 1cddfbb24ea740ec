//! The machine outside, by semihosting.

use core::arch::asm;
use core::fmt::{self, Arguments, Write};

const WRITE_STRING: u64 = 0x04;
const EXIT: u64 = 0x18;
const APPLICATION_EXIT: u64 = 0x2_0026;

/// Says why, and ends the machine with status 1.
pub fn give_up(why: Arguments) -> ! {
    // A line that does not fit is cut.
    let _ = writeln!(Host, "shim: {why}");
    let end = [APPLICATION_EXIT, 1];
    call(EXIT, &raw const end as u64);
    loop {
        core::hint::spin_loop();
    }
}

struct Host;

impl Write for Host {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut piece = [0; 128];
        for bytes in text.as_bytes().chunks(piece.len() - 1) {
            piece[..bytes.len()].copy_from_slice(bytes);
            piece[bytes.len()] = 0;
            call(WRITE_STRING, &raw const piece as u64);
        }
        Ok(())
    }
}

fn call(operation: u64, argument: u64) {
    // SAFETY: reads what the argument points to, which is whole.
    unsafe { asm!("hlt #0xf000", inout("x0") operation => _, in("x1") argument, options(nostack)) }
}
