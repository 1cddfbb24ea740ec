//! The machine outside, by semihosting.

use core::arch::asm;
use core::ffi::CStr;
use core::panic::PanicInfo;

const SYS_OPEN: u64 = 0x01;
const SYS_CLOSE: u64 = 0x02;
const SYS_WRITE: u64 = 0x05;
const SYS_EXIT_EXTENDED: u64 = 0x20;

/// How a file is opened that is to be written from its beginning: `wb`.
const WRITE: u64 = 5;
/// The application ends by itself.
const APPLICATION_EXIT: u64 = 0x20026;

/// A file of the host that is being written.
pub struct File {
    handle: u64,
}

impl File {
    /// Makes a file, or an old one empty. Ends the machine if that fails.
    pub fn create(name: &CStr) -> Self {
        match call(SYS_OPEN, &[name.as_ptr().addr() as u64, WRITE, name.count_bytes() as u64]) {
            -1 => exit(2),
            handle => Self { handle: handle as u64 },
        }
    }

    /// Appends all of `bytes`, or ends the machine.
    pub fn write(&mut self, bytes: &[u8]) {
        let unwritten = call(SYS_WRITE, &[self.handle, bytes.as_ptr().addr() as u64, bytes.len() as u64]);
        if unwritten != 0 {
            exit(3)
        }
    }

    /// Closes it.
    pub fn close(self) {
        call(SYS_CLOSE, &[self.handle]);
    }
}

/// Ends the machine; `status` becomes QEMU's.
pub fn exit(status: u64) -> ! {
    call(SYS_EXIT_EXTENDED, &[APPLICATION_EXIT, status]);
    unreachable!("the machine has ended")
}

fn call(operation: u64, arguments: &[u64]) -> i64 {
    let result;
    // SAFETY: QEMU reads the arguments, and what they point to; what each call needs is above.
    unsafe { asm!("hlt 0xf000", inout("x0") operation => result, in("x1") arguments.as_ptr(), options(nostack)) }
    result
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    call(SYS_EXIT_EXTENDED, &[APPLICATION_EXIT, 1]);
    loop {
        core::hint::spin_loop();
    }
}
