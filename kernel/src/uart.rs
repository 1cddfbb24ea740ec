//! The PL011 serial port, polled: usable from the first instruction in the upper half.

use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::layout::{self, DEVICE_BASE, PhysicalAddress};

/// Where QEMU's `virt` machine has its first PL011; stands until the device tree has been read.
const EARLY_ADDRESS: usize = 0x0900_0000;

const DATA: usize = 0x00;
const FLAGS: usize = 0x18;
const TRANSMIT_FULL: u32 = 1 << 5;

static BASE: AtomicUsize = AtomicUsize::new(DEVICE_BASE + EARLY_ADDRESS);

/// From here on, bytes go to the port at `physical`, which must be a mapped PL011 that firmware left enabled.
pub fn set_address(physical: PhysicalAddress) {
    BASE.store(layout::device(physical) as usize, Ordering::Relaxed);
}

/// Sends one byte, waiting while the transmit queue is full. Takes no lock: bytes of several CPUs may interleave.
pub fn write_byte(byte: u8) {
    let base = BASE.load(Ordering::Relaxed);
    // SAFETY: `BASE` is a PL011 mapped as device memory; both the boot tables and the final ones map it.
    unsafe {
        while ptr::read_volatile((base + FLAGS) as *const u32) & TRANSMIT_FULL != 0 {
            core::hint::spin_loop();
        }
        ptr::write_volatile((base + DATA) as *mut u32, u32::from(byte));
    }
}
