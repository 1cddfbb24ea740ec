//! The model in seconds, as `cargo xtask mutants` asks it about one small change of the shipped code after another: does a
//! constraint break within few events, and if none does, is the search still the same?
//!
//! The second question finds code that silently does less, or that waits where it did not: nothing breaks, but there are
//! other states, other steps or other checks. What they are without the change is nothing to maintain: it is written into the
//! folder that `VESTIBULE_REFERENCE` names if it is not there yet, and compared if it is. Without the folder, only the first
//! question is asked, with an event less.
//!
//! Each family is searched twice: with states, up to four events, and without states or reductions, up to three; on backends
//! with NMIs one less. States rest on what the shipped code forgets at certain places. A change that carries something past them
//! cannot say so, and is found in the second.

use std::fmt::Write;
use std::marker::PhantomData;
use std::path::PathBuf;

use vestibule::{Checks, Cpu, Critical, Error, Hardirq, Inherit, Kernel, Process};
use vestibule_arm64::pstate::sanitise;
use vestibule_arm64::{Arm64, Bodies, Daif, Frame, GicV3, On};
use vestibule_model::backend::Backend;
use vestibule_model::cpu::{Level, Pstate};
use vestibule_model::design::Design;
use vestibule_model::event::{Event, Events, Exception};
use vestibule_model::explore::{Outcome, Search, explore};
use vestibule_model::family::Family;
use vestibule_model::hardware::Simulated;
use vestibule_model::kernel::Chooses;
use vestibule_model::observe::{Promise, dies, within};
use vestibule_model::vector::take;
use vestibule_model::world::{Limits, Reductions, with};

/// All that comes in one execution, with states and without.
const EVENTS: [u32; 2] = [4, 3];

/// The same on the backends that have NMIs: what comes with them is found with fewer.
const EVENTS_WITH_NMIS: [u32; 2] = [3, 2];

/// As many less where nobody compares, and the whole search has been or will be asked.
const LESS_ALONE: u32 = 1;

fn holds(family: Family) {
    for backend in Backend::ALL {
        let design = backend.shipped(family);
        let events = if backend.has_nmis() { EVENTS_WITH_NMIS } else { EVENTS };
        let events = events.map(|events| events - if reference().is_some() { 0 } else { LESS_ALONE });
        let searches = [true, false].into_iter().zip(events).map(|(hashing, events)| search(design, hashing, events));
        compare(&format!("{}-{}", backend.name(), family.name()), &searches.collect::<String>());
    }
}

fn search(design: Design, hashing: bool, events: u32) -> String {
    let limits = Limits {
        events: Events::ALL,
        budget: Some(events),
        reductions: if hashing { Reductions::All } else { Reductions::None },
    };
    // One thread: two would find the same states, but by other executions each time.
    let search = Search { limits, hashing, threads: 1, first_only: true, shard: None, progress: None };
    let outcome = explore(design, &search);
    if let Some(example) = &outcome.counterexample {
        let violation = example.violation;
        panic!("breaks C{}: {}, after {} events", violation.constraint, violation.what, example.events);
    }
    fingerprint(&outcome)
}

fn fingerprint(outcome: &Outcome) -> String {
    let Outcome { states, executions, steps, deepest, deaths, .. } = outcome;
    let mut text = format!("{states} states, {executions} executions, {steps} steps, {deepest} deep, {deaths} deaths;");
    for (constraint, asked) in outcome.fired.asked.iter().enumerate().filter(|(_, asked)| **asked != 0) {
        write!(text, " C{constraint} {asked}").expect("a string takes everything");
    }
    text + "\n"
}

fn reference() -> Option<PathBuf> {
    std::env::var_os("VESTIBULE_REFERENCE").map(PathBuf::from)
}

fn compare(name: &str, found: &str) {
    let Some(file) = reference().map(|folder| folder.join(name)) else { return };
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
    step Step,
    tags Tags,
    own_tags OwnTags,
    handler Handler,
    idle Idle,
    overflow Overflow,
}

/// Bodies of the kernel's own debug exceptions, which do nothing: without, it would die of them.
macro_rules! debug_exceptions_of_the_kernel {
    () => {
        debug_exceptions_of_the_kernel! {
            kernel_brk = "kernel BRK";
            kernel_breakpoint = "kernel breakpoint";
            kernel_watchpoint = "kernel watchpoint";
            kernel_step = "kernel step";
        }
    };
    ($($body:ident = $what:literal;)*) => {$(
        fn $body(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
            within($what, Promise::Critical, frame, || cpu)
        }
    )*};
}

/// A kernel that has none of the concerns: what `()` does for them is nothing.
enum Bare {}

impl Kernel for Bare {
    type Machine = Arm64<Daif<Simulated>>;
    type Scheduler = ();
    type ContextTracking = ();
    type IrqTracing = ();
    type UserWork = ();
    type SyscallWork = ();
    type Softirqs = ();
    type Checks = Chooses;
}

impl Bodies for Bare {
    type Backend = Daif<Simulated>;
    type Controller = GicV3<Daif<Simulated>>;

    fn die(_: vestibule_arm64::Dying<Self>, what: &'static str, frame: &Frame) -> ! {
        dies(what, frame)
    }
    fn syscall(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        within("system call", Promise::User, frame, || cpu)
    }
    fn kernel_abort(cpu: Cpu<Self, Inherit>, frame: &mut Frame) -> Cpu<Self, Inherit> {
        within("kernel abort", Promise::Inherited, frame, || cpu)
    }
    debug_exceptions_of_the_kernel!();
    fn interrupt(cpu: Cpu<Self, Hardirq>, _: u32, frame: &mut Frame) -> Cpu<Self, Hardirq> {
        within("interrupt", Promise::Hardirq, frame, || cpu)
    }
    fn user_serror(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        within("user SError", Promise::User, frame, || cpu)
    }
    fn serror_corrected(cpu: Cpu<Self, Error>, frame: &mut Frame) -> Cpu<Self, Error> {
        within("corrected SError", Promise::Error, frame, || cpu)
    }
}

#[test]
fn without_any_concern() {
    let design = Design::of::<On<Bare>>;
    let searches = [Family::Copy, Family::Handler].map(|family| search(design(family), true, 3));
    compare("bare", &searches.concat());
}

/// SErrors in SErrors, so many, and a fault and a BRK in the last. No CPU takes them, because they mask each other: what is tried is the
/// library's own check that they are not too many to be counted, and without it the model's that the count did not run over.
struct Deep<C, const ERRORS: usize>(PhantomData<C>);

impl<C: Checks + 'static, const ERRORS: usize> Kernel for Deep<C, ERRORS> {
    type Machine = Arm64<Daif<Simulated>>;
    type Scheduler = ();
    type ContextTracking = ();
    type IrqTracing = ();
    type UserWork = ();
    type SyscallWork = ();
    type Softirqs = ();
    type Checks = C;
}

impl<C: Checks + 'static, const ERRORS: usize> Bodies for Deep<C, ERRORS> {
    type Backend = Daif<Simulated>;
    type Controller = GicV3<Daif<Simulated>>;

    fn die(_: vestibule_arm64::Dying<Self>, what: &'static str, frame: &Frame) -> ! {
        dies(what, frame)
    }
    fn kernel_abort(cpu: Cpu<Self, Inherit>, frame: &mut Frame) -> Cpu<Self, Inherit> {
        within("kernel abort", Promise::Inherited, frame, || cpu)
    }
    debug_exceptions_of_the_kernel!();
    fn serror_corrected(cpu: Cpu<Self, Error>, frame: &mut Frame) -> Cpu<Self, Error> {
        let deeper = with(|world| world.depth()) < ERRORS;
        within("corrected SError", Promise::Error, frame, || {
            if deeper {
                take(Exception::CorrectedError);
            } else {
                take(Exception::DataAbort);
                take(Exception::Brk);
            }
        });
        cpu
    }
}

fn deep<C: Checks + 'static, const ERRORS: usize>() -> Option<(u16, &'static str)> {
    let only_errors = [Event::Irq, Event::Fiq, Event::FatalError, Event::Brk, Event::Choice, Event::RemoteResched];
    let events = only_errors.into_iter().fold(Events::ALL, Events::without);
    let limits = Limits { events, budget: Some(1), reductions: Reductions::All };
    let search = Search { limits, hashing: true, threads: 1, first_only: true, shard: None, progress: None };
    let found = explore(Design::of::<On<Deep<C, ERRORS>>>(Family::Kernel), &search).counterexample;
    found.map(|example| (example.violation.constraint, example.violation.what))
}

#[test]
fn as_many_nmi_like_exceptions_as_can_be_counted() {
    assert_eq!(deep::<Chooses, 14>(), None, "another search: a check fails that held");
    assert_eq!(deep::<Chooses, 15>(), Some((82, "enter NMI")), "another search: a check holds that failed");
    assert_eq!(deep::<(), 15>(), None);
    assert_eq!(deep::<(), 16>().map(|(constraint, _)| constraint), Some(82));
}

/// A call that asks for one of four things, and whether a handler runs, and restarts: again, from X0 as it was and the SVC, or EINTR.
#[test]
fn interrupted_calls_are_made_again_as_they_ask() {
    const EINTR: u64 = 4_u64.wrapping_neg();
    for (asks, again) in
        [(512, [true, false, true]), (513, [true; 3]), (514, [true, false, false]), (516, [true, false, false])]
    {
        for (handled, again) in [None, Some(false), Some(true)].into_iter().zip(again) {
            let mut frame = Frame { pc: 0x1000, syscall: 1, first_argument: 7, ..Frame::default() };
            (frame.regs[0], frame.regs[8]) = (u64::wrapping_neg(asks), 1);
            let interrupted = frame.interrupted_syscall().expect("breaks C61: an interrupted call is not found");
            match handled {
                Some(restarts) => interrupted.handled(restarts, &mut frame),
                None => interrupted.not_handled(&mut frame),
            }
            let rest = if asks == 516 && again { 128 } else { 1 };
            let wanted = if again { (7, 0x1000 - 4, rest) } else { (EINTR, 0x1000, 1) };
            assert_eq!((frame.regs[0], frame.pc, frame.regs[8]), wanted, "breaks C61: {asks}, handled {handled:?}");
            assert!(frame.interrupted_syscall().is_none(), "breaks C61: it is asked about twice");
        }
    }
}

/// Only the vectors call the sanitiser, and they are not here; the model's CPU says what it has to be.
#[test]
fn user_mode_never_gets_masks() {
    // NZCV, TCO, DIT, SSBS and BTYPE. Arm ARM C5.2.19.
    let users = 0xf << 28 | 1 << 25 | 1 << 24 | 1 << 12 | 0b11 << 10;
    for bit in 0..u64::BITS {
        for given in [1 << bit, users ^ 1 << bit, Pstate::KERNEL.to_spsr() | 1 << bit] {
            let (clean, unchanged) = sanitise(given);
            let but_ss = given & !(1 << 21);
            let pstate = Pstate::from_spsr(clean).expect("breaks C60: an illegal return");
            assert_eq!(
                (pstate.level, pstate.daif, pstate.allint),
                (Level::El0, 0, false),
                "breaks C60: user mode gets masks, or is none"
            );
            assert_eq!((clean, unchanged), (given & users, given & users == but_ss), "breaks C60: {given:#x}");
        }
    }
}
