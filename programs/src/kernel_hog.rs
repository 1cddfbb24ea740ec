//! `kernel-hog full|none|lazy`: one thread stays in the kernel for half a second, preemptible, while another on the same
//! CPU wakes up. Under `full` and `lazy` preemption that one must get the CPU meanwhile, under `none` only afterwards.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;

use crate::runtime::clock::now;
use crate::runtime::print::println;
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{nanosleep, sched_yield, stay_on_first_cpu};
use crate::runtime::test_calls;
use crate::runtime::thread::spawn;

const IN_KERNEL: Duration = Duration::from_millis(500);
const SLEEP: Duration = Duration::from_millis(100);

/// When the hog entered the kernel, in nanoseconds; 0 before.
static ENTERED: AtomicU64 = AtomicU64::new(0);
static FAILED: AtomicBool = AtomicBool::new(false);

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    let expected = match arguments.get(1) {
        Some("full" | "lazy") => true,
        Some("none") => false,
        _ => {
            println!("usage: kernel-hog full|none|lazy");
            return 2;
        }
    };
    if let Err(error) = stay_on_first_cpu() {
        println!("kernel-hog: cannot choose a CPU: {error:?}");
        return 1;
    }
    let Ok(hog) = spawn(run_hog) else {
        println!("kernel-hog: no second thread");
        return 1;
    };
    let woken = wake_up_meanwhile();
    hog.join();
    println!("kernel-hog: this thread slept {} ms and ran again after {} ms", SLEEP.as_millis(), woken.as_millis());
    let meanwhile = woken < IN_KERNEL;
    println!("kernel-hog: the kernel was {}preempted", if meanwhile { "" } else { "not " });
    u8::from(meanwhile != expected || FAILED.load(Ordering::Relaxed))
}

fn run_hog() {
    ENTERED.store(now().as_nanos() as u64, Ordering::Release);
    if let Err(error) = test_calls::spin(IN_KERNEL) {
        println!("kernel-hog: spin: {error:?}");
        FAILED.store(true, Ordering::Relaxed);
    }
}

/// How long after the hog entered the kernel this thread runs again.
fn wake_up_meanwhile() -> Duration {
    while ENTERED.load(Ordering::Acquire) == 0 {
        sched_yield();
    }
    if let Err(error) = nanosleep(SLEEP) {
        println!("kernel-hog: nanosleep: {error:?}");
    }
    now().saturating_sub(Duration::from_nanos(ENTERED.load(Ordering::Acquire)))
}
