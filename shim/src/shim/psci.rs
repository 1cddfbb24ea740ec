//! Firmware calls: handed on, but a CPU that is started comes to the shim first.

use core::arch::asm;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use shim::CPUS;

use super::vectors::Frame;
use super::{boot, cpu};

const CPU_ON_32: u32 = 0x8400_0003;
const CPU_ON_64: u32 = 0xc400_0003;
const INVALID_PARAMETERS: u64 = -2_i64 as u64;
const ON_PENDING: u64 = -5_i64 as u64;

/// Where the kernel wants a CPU to start, and what with.
#[derive(Clone, Copy)]
pub struct Start {
    /// In X0.
    pub context: u64,
    /// The first instruction.
    pub entry: u64,
}

struct Place {
    taken: AtomicBool,
    start: UnsafeCell<Start>,
}

struct Places([Place; CPUS]);
// SAFETY: whoever has `taken` one writes it, and the CPU that it starts reads it, which then gives it back.
unsafe impl Sync for Places {}

static PLACES: Places = Places(
    [const { Place { taken: AtomicBool::new(false), start: UnsafeCell::new(Start { context: 0, entry: 0 }) } }; CPUS],
);

/// A call that is not the shim's own.
pub fn call(frame: &mut Frame) {
    match frame.x[0] as u32 {
        CPU_ON_32 | CPU_ON_64 => cpu_on(frame),
        _ => hand_on(&mut frame.x),
    }
}

fn cpu_on(frame: &mut Frame) {
    let Some(index) = cpu::index(frame.x[1]) else {
        frame.x[0] = INVALID_PARAMETERS;
        return;
    };
    let place = &PLACES.0[index];
    if place.taken.swap(true, Ordering::Acquire) {
        frame.x[0] = ON_PENDING;
        return;
    }
    // SAFETY: the place was free, and the CPU does not run yet.
    unsafe { *place.start.get() = Start { entry: frame.x[2], context: frame.x[3] } };
    let mut own = [0; 31];
    own[..4].copy_from_slice(&[u64::from(CPU_ON_64), frame.x[1], boot::secondary_entry(), index as u64]);
    hand_on(&mut own);
    frame.x[0] = own[0];
    if own[0] != 0 {
        place.taken.store(false, Ordering::Release);
    }
}

/// Where the CPU at `index`, which has just come, was to start.
pub fn take_start(index: usize) -> Start {
    let place = &PLACES.0[index];
    // SAFETY: whoever started this CPU wrote it before, and nobody does again until it is given back.
    let start = unsafe { *place.start.get() };
    place.taken.store(false, Ordering::Release);
    start
}

/// To whoever answers SMC below us. X0 to X7 are the arguments, X0 to X3 what comes back.
fn hand_on(x: &mut [u64; 31]) {
    // SAFETY: what the kernel asked for, or a CPU's start with the shim's own entry.
    unsafe {
        asm!(
            "smc #0",
            inout("x0") x[0], inout("x1") x[1], inout("x2") x[2], inout("x3") x[3],
            in("x4") x[4], in("x5") x[5], in("x6") x[6], in("x7") x[7],
            options(nostack),
        )
    }
}
