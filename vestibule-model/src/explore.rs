//! The search: every execution of a program, on every core.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::design::Design;
use crate::fibers::Fibers;
use crate::oracle::{Choice, Oracle, Seen};
use crate::record::Step;
use crate::verdict::{End, Fired, Violation};
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
    /// Ends at the first counterexample.
    pub first_only: bool,
}

/// Work that nobody does yet.
struct Queue {
    jobs: Mutex<Jobs>,
    changed: Condvar,
    hungry: AtomicUsize,
}

struct Jobs {
    waiting: Vec<Vec<Choice>>,
    working: usize,
    over: bool,
}

/// Goes through every execution of this design.
pub fn explore(design: Design, search: &Search) -> Outcome {
    let started = Instant::now();
    let seen = search.hashing.then(Seen::new);
    let queue = Queue {
        jobs: Mutex::new(Jobs { waiting: vec![Vec::new()], working: 0, over: false }),
        changed: Condvar::new(),
        hungry: AtomicUsize::new(0),
    };
    let mut outcome = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..search.threads).map(|_| scope.spawn(|| work(design, search, seen.as_ref(), &queue))).collect();
        let outcomes = workers.into_iter().map(|worker| worker.join().expect("a worker does not panic"));
        outcomes.fold(Outcome::default(), Outcome::and)
    });
    outcome.states = seen.map_or(0, |seen| seen.len());
    outcome.time = started.elapsed();
    outcome
}

fn work(design: Design, search: &Search, seen: Option<&Arc<Seen>>, queue: &Queue) -> Outcome {
    let mut outcome = Outcome::default();
    let world = World::new(design, search.limits, Oracle::new(Vec::new(), None));
    let ((), world) = under(world, || {
        prepare(design);
        let mut fibers = Fibers::new();
        while let Some(prefix) = queue.take() {
            with(|world| world.oracle = Oracle::new(prefix, seen.cloned()));
            loop {
                execute(&mut fibers);
                outcome.executions += 1;
                let over = with(|world| outcome.note(world)) && search.first_only;
                if over {
                    queue.end();
                }
                if queue.hungry.load(Ordering::Relaxed) > 0
                    && let Some(job) = with(|world| world.oracle.split())
                {
                    queue.give(job);
                }
                if over || queue.is_over() || !with(|world| world.oracle.advance()) {
                    break;
                }
            }
            queue.finished();
        }
    });
    outcome.steps = world.steps;
    outcome.deepest = world.deepest;
    outcome.fired = world.fired;
    outcome
}

/// Learns where the library keeps its words.
fn prepare(design: Design) {
    with(|world| world.reset(0));
    (design.learn)();
}

/// One execution, from the first instruction to its end.
fn execute(fibers: &mut Fibers) {
    let first = with(|world| {
        let first = world.design.family.first_task();
        world.reset(first);
        first
    });
    fibers.run(first, || {
        let design = with(|world| world.design);
        (design.program)(design.family);
    });
}

/// One execution again, decision by decision, with every step written down.
pub fn replay(design: Design, limits: Limits, decisions: &[Choice]) -> (Option<End>, Vec<Step>) {
    let mut world = World::new(design, limits, Oracle::new(decisions.to_vec(), None));
    world.record = Some(Vec::new());
    let ((), world) = under(world, || {
        prepare(design);
        execute(&mut Fibers::new());
    });
    (world.end, world.record.unwrap_or_default())
}

impl Outcome {
    /// Takes down how an execution ended; whether it was a counterexample.
    fn note(&mut self, world: &World) -> bool {
        match world.end {
            Some(End::Broken(violation)) => {
                let decisions = world.oracle.decisions().to_vec();
                let events = decisions.iter().filter(|choice| choice.chosen != 0).count();
                let counterexample = Counterexample { violation, decisions, events, steps: 0 };
                self.counterexample = shorter(self.counterexample.take(), Some(counterexample));
                true
            }
            Some(End::Died) => {
                self.deaths += 1;
                false
            }
            _ => false,
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Outcome) -> Outcome {
        self.states += other.states;
        self.executions += other.executions;
        self.steps += other.steps;
        self.deepest = self.deepest.max(other.deepest);
        self.time += other.time;
        self.fired.add(&other.fired);
        self.deaths += other.deaths;
        self.counterexample = shorter(self.counterexample, other.counterexample);
        self
    }
}

/// The one with fewer events, then with fewer decisions.
fn shorter(one: Option<Counterexample>, two: Option<Counterexample>) -> Option<Counterexample> {
    let length = |example: &Counterexample| (example.events, example.decisions.len());
    one.into_iter().chain(two).min_by_key(length)
}

impl Queue {
    fn take(&self) -> Option<Vec<Choice>> {
        let mut jobs = self.jobs.lock().expect("nobody panics with it");
        self.hungry.fetch_add(1, Ordering::Relaxed);
        let job = loop {
            if jobs.over || (jobs.waiting.is_empty() && jobs.working == 0) {
                self.changed.notify_all();
                break None;
            }
            if let Some(job) = jobs.waiting.pop() {
                jobs.working += 1;
                break Some(job);
            }
            jobs = self.changed.wait(jobs).expect("nobody panics with it");
        };
        self.hungry.fetch_sub(1, Ordering::Relaxed);
        job
    }

    fn give(&self, job: Vec<Choice>) {
        self.jobs.lock().expect("nobody panics with it").waiting.push(job);
        self.changed.notify_one();
    }

    fn finished(&self) {
        self.jobs.lock().expect("nobody panics with it").working -= 1;
        self.changed.notify_all();
    }

    fn end(&self) {
        self.jobs.lock().expect("nobody panics with it").over = true;
        self.changed.notify_all();
    }

    fn is_over(&self) -> bool {
        self.jobs.lock().expect("nobody panics with it").over
    }
}
