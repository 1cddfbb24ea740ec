//! The search. In layers: first the execution in which nothing comes, then all in which one thing comes, then two; so the
//! first counterexample is one of the shortest, and no execution is longer than it has to be.
//!
//! With hashing, an execution ends where somebody has been before, and the search is over when a layer finds no new state: then
//! there is nothing that any number of events could add. Without, every execution of a layer is run to its end.
//!
//! The executions of a layer begin as some of the layer before: they are walked through (`walk`) as a tree.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustc_hash::FxHasher;

use crate::design::Design;
use crate::fibers::Fibers;
use crate::oracle::{Choice, Open, Oracle, Seen};
use crate::record::Step;
use crate::verdict::{End, Fired, Violation};
use crate::walk::{Job, Walk};
use crate::world::{Limits, World, under, with};

/// An execution that broke a constraint.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// Which constraint.
    pub violation: Violation,
    /// What was decided on the way.
    pub decisions: Vec<Choice>,
    /// How many of them were not that nothing happens.
    pub events: usize,
    /// How many steps it took.
    pub steps: u64,
}

/// What a search came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// States from which more than one thing could happen. Without hashing: 0.
    pub states: usize,
    /// Executions.
    pub executions: u64,
    /// Steps, each checked.
    pub steps: u64,
    /// The most events that led to a new state.
    pub events: usize,
    /// Nothing is left to try: no number of events would add a state.
    pub closed: bool,
    /// The deepest nesting of exceptions.
    pub deepest: usize,
    /// How long it took.
    pub time: Duration,
    /// Checks.
    pub fired: Fired,
    /// Executions in which the kernel stopped itself.
    pub deaths: u64,
    /// The shortest counterexample.
    pub counterexample: Option<Counterexample>,
}

/// How to search.
#[derive(Clone, Copy)]
pub struct Search {
    /// What may come, and how much of it.
    pub limits: Limits,
    /// Whether states that were seen are left alone.
    pub hashing: bool,
    /// Threads.
    pub threads: usize,
    /// Ends with the layer of the first counterexample.
    pub first_only: bool,
    /// Of so many parts, this one: `(part, of)`.
    pub shard: Option<(u32, u32)>,
    /// Counts executions while the search runs, for who waits.
    pub progress: Option<&'static AtomicU64>,
}

/// What an exception that leaves no trace has seen: where it has come upon that already, it need not come again, whatever
/// else is different.
#[derive(Default)]
struct Sights(HashSet<u128, BuildHasherDefault<FxHasher>>);

impl Sights {
    /// Takes such exceptions out of a whole layer's jobs, but for one job for each new sight. Which one does not depend on the
    /// order in which threads came upon them.
    fn thin_out(&mut self, jobs: &mut Vec<Job>) {
        let mut first = HashMap::<u128, u128, BuildHasherDefault<FxHasher>>::default();
        for Open { state, sight, .. } in jobs.iter().map(|job| &job.open) {
            if let Some(sight) = sight.filter(|sight| !self.0.contains(sight)) {
                let first = first.entry(sight).or_insert(*state);
                *first = (*first).min(*state);
            }
        }
        for open in jobs.iter_mut().map(|job| &mut job.open) {
            if open.sight.is_some_and(|sight| first.get(&sight) != Some(&open.state)) {
                open.answers &= !open.traceless;
            }
        }
        jobs.retain(|job| job.open.answers != 0);
        self.0.extend(first.into_keys());
    }
}

/// How many layers every shard goes through before the rest is divided.
const SHARED_LAYERS: usize = 2;
/// Into how many parts each thread's share of a layer is divided at least: who is done helps.
const PARTS: usize = 8;
/// How many questions a part has at most.
const MOST_JOBS: usize = 1024;

/// Goes through every execution of this design.
pub fn explore(design: Design, search: &Search) -> Outcome {
    let started = Instant::now();
    let seen = search.hashing.then(Seen::new);
    let mut sights = Sights::default();
    let mut outcome = Outcome::default();
    let mut layer = vec![Job::first()];
    for events in 0.. {
        if let Some((part, of)) = search.shard.filter(|_| events == SHARED_LAYERS) {
            // What is divided between shards is the same in each: a state is found once, but by another execution each time.
            layer.sort_unstable_by_key(|job| job.open.state);
            layer = layer.into_iter().enumerate().filter(|(n, _)| *n as u32 % of == part).map(|(_, job)| job).collect();
            layer.sort_by(|one, two| one.way().cmp(two.way()));
        }
        if layer.is_empty() {
            outcome.closed = search.hashing;
            break;
        }
        outcome.events = events;
        let last = search.limits.budget.is_some_and(|budget| events as u32 >= budget);
        let (found, mut next) = run_layer(design, search, seen.as_ref(), &layer, last);
        outcome = outcome.and(found);
        if last || (search.first_only && outcome.counterexample.is_some()) {
            break;
        }
        sights.thin_out(&mut next);
        layer = next;
    }
    outcome.states = seen.map_or(0, |seen| seen.len());
    outcome.time = started.elapsed();
    outcome
}

fn run_layer(
    design: Design,
    search: &Search,
    seen: Option<&Arc<Seen>>,
    layer: &[Job],
    last: bool,
) -> (Outcome, Vec<Job>) {
    let size = (layer.len() / (search.threads * PARTS)).clamp(1, MOST_JOBS);
    let parts: Vec<_> = layer.chunks(size).collect();
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    let outcome = std::thread::scope(|scope| {
        let work = || {
            let world = World::new(design, search.limits, Oracle::new(seen.cloned()));
            let (outcome, world) = under(world, || {
                prepare(design);
                let mut walk = Walk::new(design, last, search.progress);
                while let Some((number, part)) = take_next(&next, &parts) {
                    let jobs = walk.through(part);
                    found.lock().expect("nobody panics with it").push((number, jobs));
                }
                walk.outcome
            });
            Outcome { steps: world.steps, deepest: world.deepest, fired: world.fired, ..outcome }
        };
        let helpers: Vec<_> = (1..search.threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        helpers.into_iter().map(|helper| helper.join().expect("a worker does not panic")).fold(own, Outcome::and)
    });
    let mut found = found.into_inner().expect("nobody panics with it");
    found.sort_unstable_by_key(|(number, _)| *number);
    (outcome, found.into_iter().flat_map(|(_, jobs)| jobs).collect())
}

fn take_next<'a>(next: &AtomicUsize, parts: &[&'a [Job]]) -> Option<(usize, &'a [Job])> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    parts.get(number).map(|part| (number, *part))
}

/// Learns where the library keeps its words.
fn prepare(design: Design) {
    with(|world| world.reset(0));
    (design.learn)();
}

/// What the first task runs.
pub(crate) fn run() {
    let design = with(|world| world.design);
    (design.program)(design.family);
}

/// One execution again, decision by decision, with every step written down.
///
/// It ends where it comes to a state for the second time: a program that waits may go round for ever.
pub fn replay(design: Design, limits: Limits, decisions: &[Choice]) -> (Option<End>, Vec<Step>) {
    let mut world = World::new(design, limits, Oracle::new(Some(Seen::new())));
    world.record = Some(Vec::new());
    let ((), world) = under(world, || {
        prepare(design);
        let first = design.family.first_task();
        with(|world| {
            world.reset(first);
            world.oracle.decide(decisions);
        });
        Fibers::new(first, run).go_on();
    });
    (world.end, world.record.unwrap_or_default())
}

impl Outcome {
    /// Takes down how an execution ended.
    pub(crate) fn note(&mut self, world: &World) {
        self.executions += 1;
        match world.end {
            Some(End::Broken(violation)) => {
                let decisions = world.oracle.decided().to_vec();
                let events = decisions.len();
                let counterexample = Counterexample { violation, decisions, events, steps: world.own_steps };
                self.counterexample = shorter(self.counterexample.take(), Some(counterexample));
            }
            Some(End::Died) => self.deaths += 1,
            _ => {}
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Outcome) -> Outcome {
        self.states += other.states;
        self.executions += other.executions;
        self.steps += other.steps;
        self.events = self.events.max(other.events);
        self.closed |= other.closed;
        self.deepest = self.deepest.max(other.deepest);
        self.time += other.time;
        self.fired.add(&other.fired);
        self.deaths += other.deaths;
        self.counterexample = shorter(self.counterexample, other.counterexample);
        self
    }
}

/// The one with fewer events, then with fewer steps; of two alike always the same.
fn shorter(one: Option<Counterexample>, two: Option<Counterexample>) -> Option<Counterexample> {
    one.into_iter()
        .chain(two)
        .min_by(|one, two| (one.events, one.steps, &one.decisions).cmp(&(two.events, two.steps, &two.decisions)))
}
