//! From the serial port to the line discipline: the interrupt moves bytes into a ring, and a kernel thread, the feeder,
//! takes them out, gives them to the discipline and sends the signals that some of them mean.
//!
//! Nothing is lost for want of room: with the ring full, or nobody reading, the bytes stay in the port, whose interrupt is
//! masked until there is room again. What the port itself loses is counted.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use vestibule::{Hardirq, Process as ProcessContext};

use super::TERMINAL;
use super::ring::Ring;
use crate::reference::Cpu;
use crate::signals::{self, Info, Signal};
use crate::uart::{self, Received};
use crate::wait::WaitQueue;
use crate::{gic, println};

static RING: Ring = Ring::new();
/// Woken when there are bytes in the ring, and when the discipline has room again.
static FEEDER: WaitQueue = WaitQueue::new();
/// The port's interrupt is masked: the ring was full.
static HELD_BACK: AtomicBool = AtomicBool::new(false);
/// Bytes that the port lost.
static LOST: AtomicU64 = AtomicU64::new(0);

/// The port's interrupt, or zero.
static INTERRUPT: AtomicU32 = AtomicU32::new(0);

/// Lets the port's interrupt come, on CPU `cpu`. Once.
pub fn start(interrupt: u32, cpu: usize) {
    INTERRUPT.store(interrupt, Ordering::Relaxed);
    gic::enable_shared(interrupt, cpu, gic::PRIORITY_IRQ);
    uart::TERMINAL.interrupt_on_bytes(true);
}

/// The interrupt that [`handle`] is for, or zero.
pub fn interrupt() -> u32 {
    INTERRUPT.load(Ordering::Relaxed)
}

/// The port's interrupt: empties it into the ring. Always on the same CPU.
pub fn handle(_: &Cpu<Hardirq>) {
    while !RING.is_full() {
        match uart::TERMINAL.receive() {
            Received::Nothing => break,
            Received::Byte(byte) => _ = RING.put(byte),
            Received::AfterLoss(byte) => {
                LOST.fetch_add(1, Ordering::Relaxed);
                RING.put(byte);
            }
            Received::Broken => _ = LOST.fetch_add(1, Ordering::Relaxed),
        }
    }
    if RING.is_full() {
        uart::TERMINAL.interrupt_on_bytes(false);
        HELD_BACK.store(true, Ordering::Release);
    }
    FEEDER.wake_all();
}

/// There is room in the discipline again.
pub fn go_on() {
    FEEDER.wake_all();
}

/// The feeder's life.
pub fn feed(mut cpu: Cpu<ProcessContext>) -> Cpu<ProcessContext> {
    let mut told = 0;
    loop {
        let there_is = || !RING.is_empty() || HELD_BACK.load(Ordering::Acquire);
        FEEDER.wait_until(&mut cpu, || there_is() && TERMINAL.discipline.lock().has_room());
        feed_some();
        if HELD_BACK.swap(false, Ordering::AcqRel) {
            uart::TERMINAL.interrupt_on_bytes(true);
        }
        TERMINAL.send(&mut cpu);
        TERMINAL.changed.wake_all();
        let lost = LOST.load(Ordering::Relaxed);
        if lost != told {
            println!("terminal: {} bytes lost", lost - told);
            told = lost;
        }
    }
}

/// Gives the discipline what there is and what it has room for.
fn feed_some() {
    loop {
        let mut discipline = TERMINAL.discipline.lock();
        let byte = if discipline.has_room() { RING.take() } else { None };
        let Some(byte) = byte else { return };
        let signal = discipline.receive(byte);
        drop(discipline);
        if let Some(signal) = signal.and_then(Signal::new) {
            signals::send_group(TERMINAL.foreground(), Info::kernel(signal));
        }
    }
}
