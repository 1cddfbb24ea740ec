//! `serrors [PART]`: SErrors, wherever one can come. Only the reference kernel has these, and only behind the shim.
//!
//! - `survived`: those that what was interrupted goes on after, in each kind of code: none leaves a trace;
//! - `sweep`: one at each instruction of a system call, and of an interrupt, from the first to the last;
//! - `killed`: those that a task cannot go on after, and everybody else can;
//! - `fatal-user`, `fatal-kernel`, `fatal-maker`: those that nobody goes on after.
//!
//! Without a part: the first three.

use core::hint::black_box;
use core::sync::atomic::Ordering;
use core::time::Duration;

use crate::runtime::print::println;
use crate::runtime::process::{HANDLED, fork, handle, handled, wait};
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Errno, Result, abi, errno, getppid, nanosleep, stay_on_first_cpu};
use crate::runtime::test_calls::{
    INTERRUPTED, NOT_REACHED, PENDING, TAKEN, Where, serror, serror_count, serror_outcome,
};
use crate::runtime::tests::{self, Test};

/// Syndromes as Arm ARM D24.2.40 has them: asynchronous, by the type of the error.
mod syndrome {
    const fn asynchronous(aet: usize) -> usize {
        aet << 10 | 0b01_0001
    }
    pub const UNCONTAINED: usize = asynchronous(0b000);
    pub const UNRECOVERABLE: usize = asynchronous(0b001);
    pub const RESTARTABLE: usize = asynchronous(0b010);
    pub const RECOVERABLE: usize = asynchronous(0b011);
    pub const CORRECTED: usize = asynchronous(0b110);
    pub const IMPLEMENTATION_DEFINED: usize = 1 << 24 | CORRECTED;
}
use syndrome::{CORRECTED, IMPLEMENTATION_DEFINED, RECOVERABLE, RESTARTABLE, UNCONTAINED, UNRECOVERABLE};

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    if stay_on_first_cpu().is_err() {
        return 1;
    }
    if serror_outcome() == Err(Errno(errno::ENODEV)) {
        // The kernel says more.
        _ = serror(Where::Here, CORRECTED, 0);
        println!("serrors: no shim");
        return 1;
    }
    let tests: &[Test] = &[
        ("survived: in a system call, with interrupts on", || survived(Where::Here)),
        ("survived: with interrupts off", || survived(Where::IrqsOff)),
        ("survived: in an interrupt's handler", || survived(Where::Handler)),
        ("survived: in a soft interrupt", || survived(Where::Softirq)),
        ("survived: in what is an NMI where there are any", || survived(Where::Nmi)),
        ("survived: behind a BRK in which it became pending", || survived(Where::Masked)),
        ("survived: in user mode", survived_by_user),
        ("survived: in the idle task's wait", survived_in_idle),
        ("sweep: every instruction of a system call", sweep_syscall),
        ("sweep: every instruction of an interrupt", sweep_interrupt),
        ("killed: by a recoverable one in user mode", || killed(RECOVERABLE)),
        ("killed: by an unrecoverable one in user mode", || killed(UNRECOVERABLE)),
        ("killed: not if there is a handler", handled_by_user),
    ];
    match arguments.get(1) {
        Some("fatal-user") => fatal(Where::User, UNCONTAINED),
        Some("fatal-kernel") => fatal(Where::Here, RECOVERABLE),
        Some("fatal-maker") => fatal(Where::IrqsOff, IMPLEMENTATION_DEFINED),
        part => {
            let is_wanted = |name: &str| part.is_none_or(|part| name.starts_with(part));
            let mut wrong = 0;
            for test in tests.iter().filter(|(name, _)| is_wanted(name)) {
                wrong += tests::run("serrors", &[*test]);
            }
            println!("serrors: {wrong} failed");
            u8::from(wrong > 0)
        }
    }
}

fn fatal(place: Where, syndrome: usize) -> u8 {
    let came = serror(place, syndrome, 1);
    println!("serrors: still here: {came:?}");
    1
}

fn counted(what: &str) -> Result<usize> {
    serror_count(INTERRUPTED.iter().position(|name| *name == what).ok_or(Errno(errno::EINVAL))?)
}

fn all() -> Result<usize> {
    (0..INTERRUPTED.len()).map(serror_count).sum()
}

/// Of both kinds; the kernel compares.
fn survived(place: Where) -> Result<bool> {
    let before = all()?;
    for syndrome in [CORRECTED, RESTARTABLE] {
        serror(place, syndrome, 0)?;
    }
    Ok(all()? == before + 2)
}

fn survived_by_user() -> Result<bool> {
    const INSTRUCTIONS: usize = 50;
    let before = counted("user mode")?;
    for instruction in 1..=INSTRUCTIONS {
        serror(Where::User, if instruction % 2 == 0 { CORRECTED } else { RESTARTABLE }, instruction)?;
        run_on(INSTRUCTIONS);
        if serror_outcome()? != TAKEN {
            return Ok(false);
        }
    }
    Ok(counted("user mode")? == before + INSTRUCTIONS)
}

/// Stays in user mode for so many instructions at least.
fn run_on(instructions: usize) {
    (0..instructions).for_each(|n| _ = black_box(n));
}

fn survived_in_idle() -> Result<bool> {
    const TIMES: usize = 10;
    let before = counted("idle")?;
    for time in 0..TIMES {
        serror(Where::Idle, if time % 2 == 0 { CORRECTED } else { RESTARTABLE }, 0)?;
        nanosleep(Duration::from_millis(2))?;
        serror_outcome()?;
    }
    let came = counted("idle")? - before;
    println!("serrors: {came} of {TIMES} came in the idle task's wait");
    // Somebody else may have kept the CPU busy.
    Ok(came >= TIMES / 2)
}

/// From the end of the call that asks, through another call, to the one that asks what came of it.
fn sweep_syscall() -> Result<bool> {
    sweep("a system call", |instruction| {
        serror(Where::Kernel, CORRECTED, instruction)?;
        getppid();
        serror_outcome()
    })
}

/// From the instruction that raises it to the end of the call that does.
fn sweep_interrupt() -> Result<bool> {
    sweep("an interrupt", |instruction| {
        serror(Where::Interrupt, CORRECTED, instruction)?;
        serror_outcome()
    })
}

/// One at the first instruction, one at the second, until there are no more.
fn sweep(what: &str, ask: impl Fn(usize) -> Result<usize>) -> Result<bool> {
    const ENDLESS: usize = 20_000;
    let before: [usize; INTERRUPTED.len()] = counts()?;
    let (mut taken, mut missed) = (0, 0);
    let mut instruction = 1;
    // Another interrupt makes the way longer now and then.
    while missed < 3 && instruction < ENDLESS {
        match ask(instruction)? {
            TAKEN => {
                taken += 1;
                missed = 0;
                instruction += 1;
            }
            // At the very end.
            PENDING => instruction += 1,
            NOT_REACHED => missed += 1,
            _ => return Ok(false),
        }
    }
    println!("serrors: {taken} came at {} instructions of {what}", instruction - 1);
    let after = counts()?;
    let mut sum = 0;
    for (name, came) in INTERRUPTED.iter().zip(after.iter().zip(&before).map(|(after, before)| after - before)) {
        if came > 0 {
            println!("serrors:   {came:5} interrupted {name}");
        }
        sum += came;
    }
    Ok(sum == taken && taken > 300 && instruction < ENDLESS)
}

fn counts() -> Result<[usize; INTERRUPTED.len()]> {
    let mut counts = [0; INTERRUPTED.len()];
    for (what, count) in counts.iter_mut().enumerate() {
        *count = serror_count(what)?;
    }
    Ok(counts)
}

/// A child's instruction. Its parent waits by then: on this CPU no other comes first.
fn killed(syndrome: usize) -> Result<bool> {
    let child = fork(|| {
        _ = nanosleep(Duration::from_millis(5));
        _ = serror(Where::User, syndrome, 3);
        run_on(100);
        0
    })?;
    let (found, status) = wait(child as isize, 0)?;
    Ok(found == child && status == abi::SIGBUS as i32)
}

fn handled_by_user() -> Result<bool> {
    handle(abi::SIGBUS, 0, 0)?;
    let before = handled();
    serror(Where::User, RECOVERABLE, 3)?;
    run_on(100);
    let [code, address] = [&HANDLED.code, &HANDLED.origin].map(|word| word.load(Ordering::Relaxed));
    Ok(handled() == before + 1 && (code, address) == (u64::from(abi::BUS_MCEERR_AR), 0))
}
