//! The PL011 serial ports. They send polled, usable from the first instruction in the upper half, and receive by interrupt.

use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::layout::{self, DEVICE_BASE, PhysicalAddress};

/// Where QEMU's `virt` machine has its first PL011; stands until the device tree has been read.
const EARLY_ADDRESS: usize = 0x0900_0000;

const DATA: usize = 0x00;
const FLAGS: usize = 0x18;
const INTERRUPT_MASK: usize = 0x38;

/// In `FLAGS`.
const RECEIVE_EMPTY: u32 = 1 << 4;
const TRANSMIT_FULL: u32 = 1 << 5;
/// In `DATA`: the byte is not what was sent, or bytes before it were lost.
const BROKEN: u32 = 7 << 8;
const OVERRUN: u32 = 1 << 11;
/// In `INTERRUPT_MASK`: the queue is filled so far, or has not been filled further for a while.
const RECEIVED: u32 = 1 << 4 | 1 << 6;

/// Where the user's terminal is.
pub static TERMINAL: Port = Port::early();
/// Where the kernel's log goes: the same port, unless the machine has a second.
pub static LOG: Port = Port::early();

/// What a port has received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// Nothing (more).
    Nothing,
    /// A byte.
    Byte(u8),
    /// A byte, before which others were lost.
    AfterLoss(u8),
    /// A byte that did not come through, or a break.
    Broken,
}

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
        while self.read(FLAGS) & TRANSMIT_FULL != 0 {
            core::hint::spin_loop();
        }
        self.write(DATA, byte.into());
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

    /// Is it the same port as `other`?
    pub fn is(&self, other: &Port) -> bool {
        self.base.load(Ordering::Relaxed) == other.base.load(Ordering::Relaxed)
    }

    /// Lets its interrupt come while there are received bytes, or masks it, so that they stay where they are. How the port
    /// is set otherwise is the firmware's business: a change of its queue would lose what has come in already.
    pub fn interrupt_on_bytes(&self, on: bool) {
        self.write(INTERRUPT_MASK, if on { RECEIVED } else { 0 });
    }

    /// Takes what came in first. When nothing is left the port lowers its interrupt.
    pub fn receive(&self) -> Received {
        if self.read(FLAGS) & RECEIVE_EMPTY != 0 {
            return Received::Nothing;
        }
        let data = self.read(DATA);
        match data as u8 {
            _ if data & BROKEN != 0 => Received::Broken,
            byte if data & OVERRUN != 0 => Received::AfterLoss(byte),
            byte => Received::Byte(byte),
        }
    }

    fn read(&self, register: usize) -> u32 {
        let base = self.base.load(Ordering::Relaxed);
        // SAFETY: `base` is a PL011 mapped as device memory; both the boot tables and the final ones map it.
        unsafe { ptr::read_volatile((base + register) as *const u32) }
    }

    fn write(&self, register: usize, value: u32) {
        let base = self.base.load(Ordering::Relaxed);
        // SAFETY: as in `read`; none of its registers makes it touch memory.
        unsafe { ptr::write_volatile((base + register) as *mut u32, value) };
    }
}
