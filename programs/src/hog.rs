//! `hog`: two threads on one CPU that never enter the kernel on their own. The timer's interrupts must let each run in
//! turn.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;

use crate::runtime::clock::spin_until;
use crate::runtime::print::println;
use crate::runtime::start::Arguments;
use crate::runtime::syscall::stay_on_first_cpu;
use crate::runtime::thread::spawn;

const TURNS: u32 = 10;
const LIMIT: Duration = Duration::from_secs(5);

static HOG: AtomicU64 = AtomicU64::new(0);
static ENOUGH: AtomicBool = AtomicBool::new(false);

/// The program.
pub fn main(_: Arguments) -> u8 {
    if let Err(error) = stay_on_first_cpu() {
        println!("hog: cannot choose a CPU: {error:?}");
        return 1;
    }
    let Ok(hog) = spawn(run_hog) else {
        println!("hog: no second thread");
        return 1;
    };
    let mut status = 0;
    for turn in 1..=TURNS {
        let before = HOG.load(Ordering::Relaxed);
        if !spin_until(LIMIT, || HOG.load(Ordering::Relaxed) != before) {
            println!("hog: the hog has not run for {} s", LIMIT.as_secs());
            status = 1;
            break;
        }
        println!("hog: turn {turn}: the hog ran, and now this thread does");
    }
    ENOUGH.store(true, Ordering::Relaxed);
    hog.join();
    status
}

fn run_hog() {
    while !ENOUGH.load(Ordering::Relaxed) {
        HOG.fetch_add(1, Ordering::Relaxed);
    }
}
