//! What happened: entries (in `entries`), preemptions by where, mask writes. Printed on power-off.
//!
//! Mask writes are counted by the checked build alone: the plain one is for measuring, and counts nothing on
//! the paths that are measured.

use core::sync::atomic::{AtomicU64, Ordering};

use vestibule::Why;
use vestibule_arm64::{Backend as _, Nmis};

use crate::reference::Backend;
use crate::{address_space, entries, files, frames, heap, paging, println, serrors, user_tables};

/// Something that is counted.
pub struct Counter(AtomicU64);

impl Counter {
    /// None yet.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// One more.
    #[inline(always)]
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Writes of the mask register, by entry, exit and guards.
pub static MASK_WRITES: Counter = Counter::new();
/// Overflows of the cycle counter, and requests to other CPUs: NMIs where the backend has them.
pub static NMIS: Counter = Counter::new();
/// Interrupts that came as FIQ.
pub static FIQS: Counter = Counter::new();
/// Preemptions on the way out of an interrupt.
pub static INTERRUPT_EXIT: Counter = Counter::new();
/// Preemptions on the way out of a synchronous exception from the kernel.
pub static SYNCHRONOUS_EXIT: Counter = Counter::new();
/// Preemptions where preemption was switched on.
pub static PREEMPT_ENABLE: Counter = Counter::new();
/// Reschedules on the way to user mode.
pub static USER_EXIT: Counter = Counter::new();
/// Tasks that slept or yielded.
pub static ASKED: Counter = Counter::new();

/// The scheduler was entered.
pub fn scheduled(why: Why) {
    let counter = match why {
        Why::KernelExit(class) if class.ends_with("_irq") => &INTERRUPT_EXIT,
        Why::KernelExit(_) => &SYNCHRONOUS_EXIT,
        Why::PreemptionEnabled => &PREEMPT_ENABLE,
        Why::UserExit => &USER_EXIT,
        Why::Asked => &ASKED,
    };
    counter.add();
}

/// Prints all of it.
pub fn print() {
    entries::print_counts();
    serrors::print();
    println!("--- preemptions");
    println!("{:<16}{:>12}", "interrupt exit", INTERRUPT_EXIT.get());
    println!("{:<16}{:>12}", "sync exit", SYNCHRONOUS_EXIT.get());
    println!("{:<16}{:>12}", "preempt enable", PREEMPT_ENABLE.get());
    println!("--- other reschedules");
    println!("{:<16}{:>12}", "user exit", USER_EXIT.get());
    println!("{:<16}{:>12}", "sleep, yield", ASKED.get());
    if cfg!(feature = "checked") {
        println!("--- mask writes");
        println!("{:<16}{:>12}", "DAIF", MASK_WRITES.get());
    }
    println!("--- {}", if Backend::NMIS == Nmis::None { "would be NMIs" } else { "NMIs" });
    println!("{:<16}{:>12}", "handled", NMIS.get());
    println!("--- memory");
    println!("{:<16}{:>12}", "frames in use", frames::in_use());
    println!("{:<16}{:>12}", "the heap's", heap::frames());
    println!("{:<16}{:>12}", "kernel tables", paging::table_frames());
    println!("{:<16}{:>12}", "tables", user_tables::table_frames());
    println!("{:<16}{:>12}", "address spaces", address_space::alive());
    println!("--- files");
    println!("{:<16}{:>12}", "open", files::open::count());
    println!("{:<16}{:>12}", "inodes", files::tmpfs::inodes());
    println!("{:<16}{:>12}", "pages", files::tmpfs::usage().0);
}
