//! `futex [N]`: two threads take turns N times, and count together under a lock, sleeping and waking each other by futex.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::runtime::print::println;
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Errno, abi, errno, futex_wait, futex_wake};
use crate::runtime::thread::spawn;

const PRIVATE: u32 = abi::FUTEX_PRIVATE_FLAG;

/// Even: the first thread's turn.
static TURN: AtomicU32 = AtomicU32::new(0);
/// Counted up under [`LOCK`], by a read and a write.
static TOTAL: AtomicU32 = AtomicU32::new(0);
static LOCK: Lock = Lock(AtomicU32::new(FREE));

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    let count = arguments.number(1).unwrap_or(1000) as u32;
    if !without_sleeping() {
        return 1;
    }
    let Ok(other) = spawn(move || play(1, count)) else {
        println!("futex: no second thread");
        return 1;
    };
    play(0, count);
    other.join();
    let (turns, total) = (TURN.load(Ordering::Relaxed), TOTAL.load(Ordering::Relaxed));
    println!("futex: {turns} turns, {total} counted under the lock");
    u8::from(turns != 2 * count || total != 2 * count)
}

/// Nobody sleeps: waking finds nobody, and a value that is not there does not let anyone sleep.
fn without_sleeping() -> bool {
    let word = AtomicU32::new(5);
    let woken = futex_wake(&word, 1, PRIVATE);
    let refused = futex_wait(&word, 4, PRIVATE);
    let right = woken == Ok(0) && refused == Err(Errno(errno::EAGAIN));
    if !right {
        println!("futex: waking nobody gave {woken:?}, waiting for another value {refused:?}");
    }
    right
}

/// Both halves in turn, so that both ways of waiting mix.
fn play(parity: u32, count: u32) {
    for _ in 0..count {
        take_turn(parity);
        LOCK.with(|| {
            let total = TOTAL.load(Ordering::Relaxed);
            TOTAL.store(total + 1, Ordering::Relaxed);
        });
    }
}

fn take_turn(parity: u32) {
    loop {
        let turn = TURN.load(Ordering::Acquire);
        if turn % 2 == parity {
            break;
        }
        // Woken, or the turn has changed: the loop looks.
        let _ = futex_wait(&TURN, turn, PRIVATE);
    }
    TURN.fetch_add(1, Ordering::Release);
    let _ = futex_wake(&TURN, 1, PRIVATE);
}

/// A lock that sleeps: free, taken, or taken with perhaps somebody waiting.
struct Lock(AtomicU32);

const FREE: u32 = 0;
const TAKEN: u32 = 1;
const CONTENDED: u32 = 2;

impl Lock {
    fn with(&self, run: impl FnOnce()) {
        self.take();
        run();
        if self.0.swap(FREE, Ordering::Release) == CONTENDED {
            let _ = futex_wake(&self.0, 1, PRIVATE);
        }
    }

    fn take(&self) {
        if self.0.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            return;
        }
        while self.0.swap(CONTENDED, Ordering::Acquire) != FREE {
            let _ = futex_wait(&self.0, CONTENDED, PRIVATE);
        }
    }
}
