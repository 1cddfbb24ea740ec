//! Every variant is rejected by the constraint that it breaks, and in time; what is changed in nothing is not.

use std::time::{Duration, Instant};

use vestibule::{Accounting, Class, Inherit, Open, Ready, forge};
use vestibule_arm64::classes::{El0Irq, El0Serror, El0Svc, El0Undefined, El1Abort, El1Brk, El1Irq, El1Nmi, El1Serror};
use vestibule_arm64::entry::{self, forge as port};
use vestibule_arm64::{Bodies, Frame};

use super::idle::faults_unwatched;
use super::masks::Pp;
use super::parts::{
    At, K, P, abort_that_wakes, between, handled, handled_nmi, handlers, kernel_abort, kernel_brk, kernel_irq,
    kernel_nmi, kernel_serror, shipped, unentered, user_irq, user_serror, user_svc, user_undefined,
};
use super::program::idles;
use super::{Variant, alternatives, compare, depends_on, reject, reject_with, variants};
use crate::design::Design;
use crate::event::{Event, Events};
use crate::explore::{Search, explore};
use crate::family::Family;
use crate::world::{Limits, Reductions, with};

#[test]
fn every_variant_is_rejected_by_the_constraint_that_it_breaks() {
    let started = Instant::now();
    let mut wrong = Vec::new();
    for variant in variants() {
        let begun = Instant::now();
        let found = reject(variant, Events::ALL).map(|rejected| {
            let example = rejected.outcome.counterexample.expect("it is rejected");
            (rejected.family, rejected.limits.budget, example.violation)
        });
        println!("{:26} {:?} {:.2?}", variant.name, found, begun.elapsed());
        match found {
            Some((.., violation)) if variant.expects.contains(&violation.constraint) => {}
            _ => wrong.push((variant.name, variant.expects, found)),
        }
    }
    println!("{} variants, {:.2?}", variants().len(), started.elapsed());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

/// None of them is lost by the reductions that the shipped code is explored with.
#[test]
fn reductions_lose_none() {
    let limits = Limits { events: Events::ALL, budget: None, reductions: Reductions::All };
    let lost = |variant: &&Variant| {
        let found = reject_with(variant, limits).and_then(|rejected| rejected.outcome.counterexample);
        !found.is_some_and(|example| variant.expects.contains(&example.violation.constraint))
    };
    let lost: Vec<_> = variants().iter().filter(lost).map(|variant| variant.name).collect();
    assert_eq!(lost, [""; 0]);
}

#[test]
fn names_are_told_apart() {
    let names: std::collections::HashSet<_> = variants().iter().map(|variant| variant.name).collect();
    assert_eq!(names.len(), variants().len());
}

handlers! {
    Abort for El1Abort = |taken| {
        let x = unentered(taken, |frame| <El1Abort as Class>::Counts::note::<K>(&forge::cpu(), frame, forge::step()));
        let x: At<'_, _, Open<Inherit>> = forge::at(x.open());
        let x = x.run(K::kernel_abort).mask().prepare();
        let x: At<'_, _, Ready> = between(x, |_, _| {});
        x.restore()
    };
    AbortThatWakes for El1Abort = |taken| taken.enter().open().run(abort_that_wakes).mask().prepare().restore();
    Brk for El1Brk = |taken| taken.enter().open().run(K::kernel_brk).mask().restore();
    Irq for El1Irq = |taken| handled(taken.enter()).prepare().restore();
    Serror for El1Serror = |taken| taken.enter().open().run(port::serror).mask().restore();
    Svc for El0Svc = |taken| taken.enter().open().trace_entry().call(K::syscall).trace_exit().mask().prepare().restore();
    Undefined for El0Undefined = |taken| taken.enter().open().run(K::user_undefined).mask().prepare().restore();
    UserIrq for El0Irq = |taken| handled(taken.enter()).prepare().restore();
    IrqByPriority for El1Irq, on Pp = |taken| handled(taken.enter()).prepare().restore();
    Nmi for El1Nmi, on Pp = |taken| handled_nmi(taken.enter()).restore();
    UserSerror for El0Serror = |taken| taken.enter().open().run_nmi(port::user_serror).then().run(port::user_serror_opened).mask().prepare().restore();
}

/// What variants are made of breaks nothing by itself: each vector and each way to take an exception apart, with every step as shipped.
#[test]
fn unchanged_handlers_pass() {
    let designs: [fn(Family) -> Design; 11] = [
        kernel_abort::<Abort>,
        kernel_abort::<AbortThatWakes>,
        kernel_brk::<Brk>,
        kernel_irq::<Irq>,
        kernel_serror::<Serror>,
        user_svc::<Svc>,
        user_undefined::<Undefined>,
        user_irq::<UserIrq>,
        user_serror::<UserSerror>,
        kernel_irq::<IrqByPriority>,
        kernel_nmi::<Nmi>,
    ];
    for design in designs {
        let families = &[Family::User, Family::Kernel, Family::IrqsOff, Family::Idle, Family::Overflow];
        let unchanged = Variant { name: "", origin: "", change: "", expects: &[], families, design };
        let limits = Limits { events: Events::ALL, budget: None, reductions: Reductions::Lossless };
        let found = reject_with(&unchanged, limits).map(|rejected| rejected.outcome.counterexample);
        assert!(found.is_none(), "{found:#?}");
    }
}

/// The shipped handler, and then this CPU is watched.
unsafe extern "C" fn wakes(frame: &mut Frame) {
    // SAFETY: as the vectors call it.
    unsafe { entry::el1_sync::<P>(frame) };
    with(|world| world.begin_watching());
}

/// The library's own checks find the known bug that does this before the model does.
#[test]
fn an_idle_wait_that_a_fault_wakes() {
    let mut design = Design { program: |_| idles(faults_unwatched), ..shipped(Family::Idle) };
    design.el1[0] = wakes;
    let limits = Limits { events: Events::ALL, budget: Some(1), reductions: Reductions::All };
    let search = Search { limits, hashing: true, threads: 1, first_only: true, shard: None, progress: None };
    let example = explore(design, &search).counterexample.expect("it is found");
    assert_eq!(example.violation.constraint, 44);
}

fn named(name: &str) -> &'static Variant {
    variants().iter().find(|variant| variant.name == name).expect("it is in the corpus")
}

#[test]
fn what_a_verdict_depends_on() {
    // The bug of 6.18 needs a fault, which is the kernel's choice; and a flag, of another CPU's or of what the fault wakes.
    assert_eq!(depends_on(named("preempt-all-masked")), [Event::Choice]);
    assert_eq!(depends_on(named("serror-loses-belief")), [Event::Error]);
    assert_eq!(depends_on(named("brk-preempts")), [Event::Brk]);
    // By an FIQ, too, soft interrupts come to be pending.
    assert_eq!(depends_on(named("softirqs-while-counting")), [Event::Choice]);
    assert_eq!(depends_on(named("idle-waits-watched")), []);
}

#[test]
fn without_any_event_few_are_found() {
    let nothing = Event::ALL.into_iter().fold(Events::ALL, Events::without);
    let without_any: Vec<_> = variants().iter().filter(|variant| reject(variant, nothing).is_some()).collect();
    let names: Vec<_> = without_any.iter().map(|variant| variant.name).collect();
    assert_eq!(
        names,
        [
            "first-return-believes-off",
            "overflow-not-counted",
            "overflow-opens",
            "pmr-not-set-at-boot",
            "idle-waits-by-priority",
            "idle-waits-watched",
            "idle-sleeps-open",
            "idle-waits-masked",
            "idle-fault-sleeps",
            "idle-fault-wakes",
            "fpsimd-first-keeps"
        ]
    );
}

#[test]
fn the_alternatives() {
    println!("{}", super::comparison());
    let rows: Vec<_> = alternatives().iter().map(compare).collect();
    let broken: Vec<_> = rows.iter().map(|row| (row.name, row.broken.as_slice())).collect();
    let never_preempts: &[u16] = &[32];
    assert_eq!(
        broken,
        [
            ("arch-private", never_preempts),
            ("hooks", &[]),
            ("refuse", never_preempts),
            ("split", &[]),
            ("shipped", &[])
        ]
    );
    let writes = |name: &str| -> Vec<Option<usize>> {
        let row = rows.iter().find(|row| row.name == name).expect("it is in the table");
        row.mask_writes.iter().map(|(_, writes)| *writes).collect()
    };
    let paths: Vec<_> = rows[0].mask_writes.iter().map(|(path, _)| *path).collect();
    assert_eq!(
        paths,
        [
            "abort",
            "abort, preempted",
            "interrupt",
            "interrupt, preempted",
            "system call",
            "system call, rescheduled",
            "system call, signal"
        ]
    );
    assert_eq!(writes("arch-private"), [Some(2), None, Some(4), Some(4), Some(3), Some(3), Some(5)]);
    assert_eq!(writes("hooks"), [4, 4, 6, 6, 3, 3, 5].map(Some));
    assert_eq!(writes("refuse"), [Some(2), None, Some(4), Some(4), Some(3), Some(3), Some(5)]);
    assert_eq!(writes("split"), [3, 3, 4, 4, 3, 3, 5].map(Some));
    assert_eq!(writes("shipped"), [2, 4, 2, 4, 2, 4, 5].map(Some));
}
