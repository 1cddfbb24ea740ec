//! `nmis profile|blind|backtrace|stuck|fiq|crash`: what sees code that has interrupts off, by `/proc/profile` and
//! `/proc/sysrq-trigger`. Only the reference kernel has these.
//!
//! - `profile`: nearly all samples of a spin with interrupts off are that spin's; `blind`, where there are no NMIs: none.
//! - `backtrace`: every CPU says where it is, one that spins with interrupts off too.
//! - `stuck`: spins with interrupts off for long enough that somebody should say so.
//! - `crash`: the kernel ends itself, and stops every other CPU first, one that spins with interrupts off too.
//! - `fiq`: interrupts come as FIQ, to user mode and to the kernel.

use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use crate::runtime::clock::now;
use crate::runtime::file::{close, open};
use crate::runtime::print::println;
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Errno, Result, abi, errno, nanosleep, read, sched_yield, stay_on_first_cpu, write};
use crate::runtime::test_calls::{fiqs, spin, spin_masked};
use crate::runtime::thread::spawn;

const PROFILE: &CStr = c"/proc/profile";
const REQUESTS: &CStr = c"/proc/sysrq-trigger";
const SPINNER: &str = "spin_with_interrupts_off";

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    let done = match arguments.get(1) {
        Some("profile") => profile(true),
        Some("blind") => profile(false),
        Some("backtrace") => while_one_spins(REQUESTS, b"l"),
        Some("stuck") => spin_masked(Duration::from_millis(1500)).map(|_| true),
        Some("fiq") => fiq(),
        Some("crash") => while_one_spins(REQUESTS, b"c"),
        _ => {
            println!("usage: nmis profile|blind|backtrace|stuck|fiq|crash");
            return 2;
        }
    };
    match done {
        Ok(right) => u8::from(!right),
        Err(Errno(error)) => {
            println!("nmis: error {error}");
            1
        }
    }
}

/// So often a host may be too busy to take 200 samples in the time of 2,000.
const TRIES: u32 = 10;

/// Samples of one CPU, all of them taken while it spins, if anybody can take them then.
fn profile(sees: bool) -> Result<bool> {
    stay_on_first_cpu()?;
    let mut text = [0; 4096];
    for _ in 0..if sees { TRIES } else { 1 } {
        command(PROFILE, b"start 1000 200")?;
        spin_masked(Duration::from_secs(2))?;
        if first_number(load(PROFILE, &mut text)?) >= Some(200) {
            break;
        }
        command(PROFILE, b"stop")?;
    }
    command(PROFILE, if sees { b"wait" } else { b"stop" })?;
    let text = load(PROFILE, &mut text)?;
    let all = first_number(text).unwrap_or(0);
    let spinners = text.lines().find(|line| line.contains(SPINNER)).and_then(first_number).unwrap_or(0);
    println!("{text}nmis: {spinners} of {all} samples in {SPINNER}");
    let percent = (spinners * 100).checked_div(all).unwrap_or(0);
    println!("nmis: {}", if percent >= 95 { "at least 95 %" } else if spinners == 0 { "none" } else { "some" });
    Ok(if sees { percent >= 95 && all >= 200 } else { spinners == 0 })
}

fn first_number(line: &str) -> Option<u64> {
    line.split_ascii_whitespace().next()?.parse().ok()
}

static SPINS: AtomicBool = AtomicBool::new(false);

/// The other thread spins on another CPU, where there is one, with interrupts off.
fn while_one_spins(path: &CStr, text: &[u8]) -> Result<bool> {
    let spinner = spawn(|| {
        SPINS.store(true, Ordering::Release);
        // What is looked at is the kernel's log.
        _ = spin_masked(Duration::from_secs(2));
    })?;
    while !SPINS.load(Ordering::Acquire) {
        sched_yield();
    }
    nanosleep(Duration::from_millis(100))?;
    command(path, text)?;
    spinner.join();
    Ok(true)
}

/// A hundred ticks in user mode, and as many in the kernel; fewer if somebody else has the machine.
fn fiq() -> Result<bool> {
    let before = fiqs(true)?;
    let start = now();
    while now() - start < Duration::from_millis(400) {
        core::hint::spin_loop();
    }
    spin(Duration::from_millis(400))?;
    let came = fiqs(false)? - before;
    println!("nmis: {came} interrupts came as FIQ");
    Ok(came > 20)
}

fn command(path: &CStr, text: &[u8]) -> Result<()> {
    let file = open(path, abi::O_WRONLY)?;
    let written = write(file, text);
    close(file)?;
    written.map(|_| ())
}

fn load<'a>(path: &CStr, to: &'a mut [u8]) -> Result<&'a str> {
    let file = open(path, abi::O_RDONLY)?;
    let count = read(file, to);
    close(file)?;
    core::str::from_utf8(&to[..count?]).map_err(|_| Errno(errno::EILSEQ))
}
