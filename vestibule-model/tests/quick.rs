//! The model in seconds, as `cargo xtask mutants` asks it about one small change of the shipped code after another: does a
//! constraint break within few events, and if none does, is the search still the same?
//!
//! The second question finds code that silently does less, or that waits where it did not: nothing breaks, but there are
//! other states, other steps or other checks. What they are without the change is nothing to maintain: it is written into the
//! folder that `VESTIBULE_REFERENCE` names if it is not there yet, and compared if it is. Without the folder, only the first
//! question is asked.

use std::fmt::Write;
use std::path::PathBuf;

use vestibule_arm64::pstate::sanitise;
use vestibule_model::cpu::{Level, Pstate};
use vestibule_model::design::Design;
use vestibule_model::event::Events;
use vestibule_model::explore::{Outcome, Search, explore};
use vestibule_model::family::Family;
use vestibule_model::kernel::{Everything, PortOf};
use vestibule_model::world::Limits;

/// All that comes in one execution.
const EVENTS: u32 = 4;

fn holds(family: Family) {
    let limits = Limits { events: Events::ALL, budget: Some(EVENTS), reduced: true };
    // One thread: two would find the same states, but by other executions each time.
    let search = Search { limits, hashing: true, threads: 1, first_only: true, shard: None, progress: None };
    let outcome = explore(Design::of::<PortOf<Everything>>(family), &search);
    if let Some(example) = &outcome.counterexample {
        let violation = example.violation;
        panic!("breaks C{}: {}, after {} events", violation.constraint, violation.what, example.events);
    }
    compare(family, &fingerprint(&outcome));
}

fn fingerprint(outcome: &Outcome) -> String {
    let Outcome { states, executions, steps, deepest, deaths, .. } = outcome;
    let mut text = format!("{states} states, {executions} executions, {steps} steps, {deepest} deep, {deaths} deaths;");
    for (constraint, asked) in outcome.fired.asked.iter().enumerate().filter(|(_, asked)| **asked != 0) {
        write!(text, " C{constraint} {asked}").expect("a string takes everything");
    }
    text
}

fn compare(family: Family, found: &str) {
    let Some(folder) = std::env::var_os("VESTIBULE_REFERENCE").map(PathBuf::from) else { return };
    let file = folder.join(family.name());
    match std::fs::read_to_string(&file) {
        Ok(reference) => {
            assert!(reference == found, "another search:\n{found}\nwhere the shipped code's is\n{reference}")
        }
        Err(_) => std::fs::write(&file, found).expect("the reference can be written"),
    }
}

macro_rules! families {
    ($($name:ident $family:ident,)*) => {
        $(
            #[test]
            fn $name() {
                holds(Family::$family);
            }
        )*

        #[test]
        fn none_is_forgotten() {
            assert_eq!([$(Family::$family),*], Family::ALL);
        }
    };
}

families! {
    user User,
    first First,
    kernel Kernel,
    irqs_off IrqsOff,
    preempt_off PreemptOff,
    copy Copy,
    call Call,
    handler Handler,
    idle Idle,
    overflow Overflow,
}

/// Only the vectors call the sanitiser, and they are not here; the model's CPU says what it has to be.
#[test]
fn user_mode_never_gets_masks() {
    // NZCV, TCO, DIT, SSBS and BTYPE. Arm ARM C5.2.19.
    let users = 0xf << 28 | 1 << 25 | 1 << 24 | 1 << 12 | 0b11 << 10;
    for bit in 0..u64::BITS {
        for given in [1 << bit, users ^ 1 << bit, Pstate::KERNEL.to_spsr() | 1 << bit] {
            let (clean, unchanged) = sanitise(given);
            let pstate = Pstate::from_spsr(clean).expect("breaks C60: an illegal return");
            assert_eq!((pstate.level, pstate.daif), (Level::El0, 0), "breaks C60: user mode gets masks, or is none");
            assert_eq!((clean, unchanged), (given & users, given & users == given), "breaks C60: {given:#x}");
        }
    }
}
