//! Which exceptions reached their bodies: how often by class and by what they interrupted, and the last ones of each CPU. Only the
//! checked build keeps any of it: the plain one is for measuring.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use vestibule::{Counts, Level, Row};
use vestibule_arm64::Frame;
use vestibule_arm64::classes::TABLE;

use crate::interrupted::Interrupted;
use crate::percpu::{self, MAX_CPUS};
use crate::planted::Bug;
use crate::statistics::Counter;
use crate::symbols::Place;
use crate::{println, timer};

const STATES: usize = Interrupted::ALL.len();
static COUNTS: [[Counter; STATES]; TABLE.len()] = [const { [const { Counter::new() }; STATES] }; TABLE.len()];

/// How many of the last are kept.
const KEPT: usize = 12;
static LAST: [Ring; MAX_CPUS] =
    [const { Ring { count: AtomicUsize::new(0), entries: [const { Entry::new() }; KEPT] } }; MAX_CPUS];

/// The last ones of a CPU.
struct Ring {
    count: AtomicUsize,
    entries: [Entry; KEPT],
}

/// Row and state, the counter, and where it came.
struct Entry {
    which: AtomicU64,
    when: AtomicU64,
    at: AtomicU64,
}

impl Entry {
    const fn new() -> Self {
        Self { which: AtomicU64::new(0), when: AtomicU64::new(0), at: AtomicU64::new(0) }
    }
}

/// The exception in `frame`, of class `X`, has reached its body.
#[inline(always)]
pub fn entered<X: vestibule::Class>(frame: &Frame) {
    if cfg!(feature = "checked") {
        note(const { row_of(X::NAME) }, frame);
    }
}

#[inline(never)]
fn note(row: usize, frame: &Frame) {
    let state = Interrupted::by(frame, own_counts(&TABLE[row]));
    COUNTS[row][state as usize].add();
    if Bug::LostEntries.is_planted() {
        return;
    }
    // Whoever may be moved to another CPU by now has come on one of the two.
    let ring = &LAST[percpu::boot_index()];
    let entry = &ring.entries[ring.count.fetch_add(1, Ordering::Relaxed) % KEPT];
    entry.which.store((row << 8 | state as usize) as u64, Ordering::Relaxed);
    entry.when.store(timer::counter(), Ordering::Relaxed);
    entry.at.store(frame.pc, Ordering::Relaxed);
}

/// The hardirqs and NMIs that an exception of the kernel's counts as itself, in its body.
const fn own_counts(row: &Row) -> [u64; 2] {
    match (row.counts, row.body) {
        (Counts::NmiLike | Counts::Nmi, _) => [1, 1],
        (Counts::Regular, [_, Some(Level::NoIrq)]) => [1, 0],
        _ => [0, 0],
    }
}

const fn row_of(name: &str) -> usize {
    let mut row = 0;
    while row < TABLE.len() {
        if same(TABLE[row].name.as_bytes(), name.as_bytes()) {
            return row;
        }
        row += 1;
    }
    panic!("a class that is not in the table")
}

const fn same(left: &[u8], right: &[u8]) -> bool {
    let mut at = 0;
    while at < left.len() && at < right.len() && left[at] == right[at] {
        at += 1;
    }
    left.len() == right.len() && at == left.len()
}

/// Prints how often: a row for each class, a column for each that can be interrupted.
pub fn print_counts() {
    println!("--- entries by class and by what they interrupted");
    if !cfg!(feature = "checked") {
        return println!("not counted by a plain build");
    }
    let [a, b, c, d, e, f, g, h] = Interrupted::ALL.map(Interrupted::column);
    println!("{:<16}{a:>9}{b:>9}{c:>9}{d:>9}{e:>9}{f:>9}{g:>9}{h:>9}", "class");
    for (row, counts) in TABLE.iter().zip(&COUNTS) {
        let [a, b, c, d, e, f, g, h] = counts.each_ref().map(Counter::get);
        println!("{:<16}{a:>9}{b:>9}{c:>9}{d:>9}{e:>9}{f:>9}{g:>9}{h:>9}", row.name);
    }
}

/// Prints the last ones of CPU `number`, the newest first.
pub fn print_last(number: usize) {
    if !cfg!(feature = "checked") {
        return println!("last entries: not kept by a plain build");
    }
    let ring = &LAST[number];
    let (count, now) = (ring.count.load(Ordering::Relaxed), timer::counter());
    println!("last entries of CPU {number}, of {count}, the newest first");
    for index in (0..count).rev().take(KEPT) {
        let entry = &ring.entries[index % KEPT];
        let which = entry.which.load(Ordering::Relaxed) as usize;
        let (name, state) = (TABLE[which >> 8].name, Interrupted::ALL[which & 0xff].column());
        let ago = timer::nanoseconds_at(now.saturating_sub(entry.when.load(Ordering::Relaxed))) / 1000;
        println!("  {name:<14} of {state:<9}{ago:>8} us ago at {}", Place(entry.at.load(Ordering::Relaxed)));
    }
}
