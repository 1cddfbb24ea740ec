//! The PL011 serial ports, polled: usable from the first instruction in the upper half.

use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::layout::{self, DEVICE_BASE, PhysicalAddress};

/// Where QEMU's `virt` machine has its first PL011; stands until the device tree has been read.
const EARLY_ADDRESS: usize = 0x0900_0000;

const DATA: usize = 0x00;
const FLAGS: usize = 0x18;
const TRANSMIT_FULL: u32 = 1 << 5;

/// Where the user's terminal is.
pub static TERMINAL: Port = Port::early();
/// Where the kernel's log goes: the same port, unless the machine has a second.
pub static LOG: Port = Port::early();

/// A serial port.
pub struct Port {
    base: AtomicUsize,
}

impl Port {
    const fn early() -> Self {
        Self { base: AtomicUsize::new(DEVICE_BASE + EARLY_ADDRESS) }
    }

    /// From here on, it is the one at `physical`, which must be a mapped PL011 that firmware left enabled.
    pub fn set_address(&self, physical: PhysicalAddress) {
        self.base.store(layout::device(physical) as usize, Ordering::Relaxed);
    }

    /// Sends one byte, waiting while the transmit queue is full. Takes no lock: bytes of several CPUs may interleave.
    pub fn write_byte(&self, byte: u8) {
        let base = self.base.load(Ordering::Relaxed);
        // SAFETY: `base` is a PL011 mapped as device memory; both the boot tables and the final ones map it.
        unsafe {
            while ptr::read_volatile((base + FLAGS) as *const u32) & TRANSMIT_FULL != 0 {
                core::hint::spin_loop();
            }
            ptr::write_volatile((base + DATA) as *mut u32, u32::from(byte));
        }
    }

    /// Sends `bytes`, with the carriage return that a terminal wants before each line feed.
    pub fn write_lines(&self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                self.write_byte(b'\r');
            }
            self.write_byte(byte);
        }
    }
}
