//! `fuzz SECONDS [SEED [FIRST]]`: system calls with random arguments and signal frames full of lies, in children that may die
//! of them, while the kernel must not.
//!
//! Each child is a round with a number; seed and number say what it does, so that `FIRST` begins again at a round that was
//! not survived. Several run at once, and some trace a child of theirs. What is left of all of them in the end must be nothing.

mod arguments;
mod calls;
mod frames;
mod random;
mod tracing;

use core::time::Duration;

use crate::runtime::clock::now;
use crate::runtime::print::println;
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{abi, kill};
use crate::runtime::test_calls::{open_files, tasks};
use calls::{fork, plain};
use random::Random;

/// How many rounds run at once.
const AT_ONCE: usize = 6;
/// For how long a round may run before it is killed, and how long it may take to die of that.
const PATIENCE: Duration = Duration::from_millis(400);
const DEATH: Duration = Duration::from_secs(10);
/// What the status of who has stopped ends with.
const STOPPED: u32 = 0x7f;
/// Every so many rounds it says how far it is.
const PROGRESS: usize = 60;

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    let Some(seconds) = arguments.number(1) else {
        println!("usage: fuzz SECONDS [SEED [FIRST]]");
        return 2;
    };
    let seed = arguments.number(2).unwrap_or(1);
    let first = arguments.number(3).unwrap_or(0);
    println!("fuzz: seed {seed}, {seconds} s, from round {first}");
    let end = now() + Duration::from_secs(seconds as u64);
    calls::ignore_terminal();
    let mut tally = Tally::default();
    let before = Left::now();
    let mut round = first;
    while now() < end {
        if (round - first).is_multiple_of(PROGRESS) {
            println!("fuzz: round {round}");
        }
        if let Err(why) = run_some(seed, round, &mut tally) {
            println!("fuzz: round {round}: {why}");
            return 1;
        }
        round += AT_ONCE;
    }
    let Tally { exited, died, killed } = tally;
    println!("fuzz: {} rounds, {exited} to their ends, {died} died, {killed} killed", round - first);
    let end = now() + DEATH;
    while Left::now().is_more_than(&before) && now() < end {
        // A child's child may sleep for ever, and nobody else knows it. There may be none.
        _ = kill(EVERYBODY, abi::SIGKILL);
        reap(|_, _| {});
        calls::sleep_a_little();
    }
    let after = Left::now();
    if after.is_more_than(&before) {
        println!("fuzz: {before:?} before, and {after:?} after");
    }
    u8::from(after.is_more_than(&before))
}

/// To whom a signal goes that is for every process but the one that sends it: -1.
const EVERYBODY: usize = usize::MAX;

/// What children may leave behind in the kernel; nothing that is known, if the kernel does not count it.
#[derive(Debug, Default)]
struct Left {
    tasks: usize,
    open_files: usize,
}

impl Left {
    fn now() -> Self {
        Self { tasks: tasks().unwrap_or_default(), open_files: open_files().unwrap_or_default() }
    }

    fn is_more_than(&self, before: &Self) -> bool {
        self.tasks > before.tasks || self.open_files > before.open_files
    }
}

/// How rounds ended.
#[derive(Default)]
struct Tally {
    exited: usize,
    died: usize,
    killed: usize,
}

fn run_some(seed: usize, round: usize, tally: &mut Tally) -> Result<(), &'static str> {
    let mut children = [0; AT_ONCE];
    for (index, child) in children.iter_mut().enumerate() {
        match fork() {
            0 => live(seed, round + index),
            pid if pid > 0 => *child = pid as usize,
            _ => return Err("no child"),
        }
    }
    wait_for(&mut children, PATIENCE, tally);
    tally.killed += children.iter().filter(|child| **child != 0).count();
    // Everybody: what they have made, too.
    _ = kill(EVERYBODY, abi::SIGKILL);
    wait_for(&mut children, DEATH, tally);
    calls::restore_terminal();
    if children == [0; AT_ONCE] { Ok(()) } else { Err("a child does not die") }
}

/// Waits until `children` have ended, each of which is zero then, or for so long.
fn wait_for(children: &mut [usize; AT_ONCE], limit: Duration, tally: &mut Tally) {
    let end = now() + limit;
    while children.iter().any(|child| *child != 0) && now() < end {
        reap(|pid, status| {
            if let Some(child) = children.iter_mut().find(|child| **child == pid) {
                *child = 0;
                *if status & 0x7f == 0 { &mut tally.exited } else { &mut tally.died } += 1;
            }
        });
        calls::sleep_a_little();
    }
}

/// Takes in all who have ended, grandchildren that nobody else waits for among them.
fn reap(mut ended: impl FnMut(usize, u32)) {
    loop {
        let mut status = 0_u32;
        match plain(abi::__NR_wait4, [usize::MAX, &raw mut status as usize, abi::WNOHANG as usize]) {
            // It has this process trace it, and will be killed.
            1.. if status & 0xff == STOPPED => {}
            pid @ 1.. => ended(pid as usize, status),
            _ => return,
        }
    }
}

/// A child's life.
fn live(seed: usize, round: usize) -> ! {
    let mut random = Random::new((seed as u64) << 32 ^ round as u64);
    calls::leave_family();
    match random.below(8) {
        0 | 1 => frames::tell_lies(&mut random),
        2 => tracing::trace(&mut random),
        _ => calls::make_many(&mut random),
    }
    crate::runtime::syscall::exit_group(0)
}
