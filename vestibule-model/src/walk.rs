//! Executions that begin alike run once as far as they are alike: where they part the machine is kept, and put back for each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::design::Design;
use crate::explore::{Outcome, run};
use crate::fibers::{Fibers, Pause};
use crate::kept::Kept;
use crate::oracle::{Choice, Open};
use crate::world::with;

/// Executions that begin alike: those decisions, and at that question anything but nothing.
pub(crate) struct Job {
    decided: Arc<[Choice]>,
    pub(crate) open: Open,
}

/// Before anything: nothing was decided.
const FIRST: Open = Open { position: u32::MAX, answers: 1, traceless: 0, state: 0, sight: None };

impl Job {
    /// The execution in which nothing comes.
    pub(crate) fn first() -> Job {
        Job { decided: Arc::new([]), open: FIRST }
    }

    /// Its decisions, and as if it were one, its question: those that are in order by this are in the order of a walk.
    pub(crate) fn way(&self) -> impl Iterator<Item = Choice> + '_ {
        let open = Choice { position: self.open.position, chosen: 0 };
        self.decided.iter().copied().chain([open])
    }

    /// After so many decisions, the next question that is not answered with nothing.
    fn question(&self, decisions: usize) -> u32 {
        self.decided.get(decisions).map_or(self.open.position, |choice| choice.position)
    }

    /// And with what.
    fn chosen(&self, decisions: usize) -> Option<u8> {
        self.decided.get(decisions).map(|choice| choice.chosen)
    }

    fn answers(&self) -> impl Iterator<Item = u8> + use<> {
        let answers = self.open.answers;
        (1..=16).filter(move |chosen| answers >> (chosen - 1) & 1 != 0)
    }
}

/// One thread's.
pub(crate) struct Walk {
    design: Design,
    last: bool,
    progress: Option<&'static AtomicU64>,
    fibers: Fibers,
    /// The machine at the question after so many decisions.
    kept: Vec<Kept>,
    found: Vec<Job>,
    pub(crate) outcome: Outcome,
}

impl Walk {
    /// Of this design; of the last layer nobody wants to know what comes after it.
    pub(crate) fn new(design: Design, last: bool, progress: Option<&'static AtomicU64>) -> Walk {
        let fibers = Fibers::new(design.family.first_task(), run);
        Walk { design, last, progress, fibers, kept: Vec::new(), found: Vec::new(), outcome: Outcome::default() }
    }

    /// All executions of these jobs, which are in order; what could be decided in them, in order.
    pub(crate) fn through(&mut self, jobs: &[Job]) -> Vec<Job> {
        let first = self.design.family.first_task();
        with(|world| {
            world.reset(first);
            world.oracle.decide(&[]);
        });
        self.fibers.begin(first, run);
        match jobs {
            [job] if job.open.position == FIRST.position => self.run_out(),
            [job, ..] => {
                with(|world| world.oracle.wait_at(job.question(0)));
                self.go_on();
                self.branches(jobs, 0);
            }
            [] => {}
        }
        std::mem::take(&mut self.found)
    }

    fn go_on(&mut self) {
        assert_eq!(self.fibers.go_on(), Pause::Asks, "the same decisions do not lead to the same question");
    }

    /// The machine waits at the first of these jobs' questions, after so many decisions that all of them have.
    fn branches(&mut self, mut jobs: &[Job], decisions: usize) {
        loop {
            let question = jobs[0].question(decisions);
            let (here, later) = jobs.split_at(jobs.partition_point(|job| job.question(decisions) == question));
            self.answers(here, decisions, !later.is_empty());
            let Some(job) = later.first() else { return };
            with(|world| world.oracle.answer(0, Some(job.question(decisions))));
            self.go_on();
            jobs = later;
        }
    }

    /// All the answers to the question at which the machine waits. Afterwards it waits there again, if that is wanted.
    fn answers(&mut self, mut jobs: &[Job], decisions: usize, again: bool) {
        let question = jobs[0].question(decisions);
        let mut is_kept = false;
        while let [job, rest @ ..] = jobs {
            let Some(chosen) = job.chosen(decisions) else {
                for chosen in job.answers() {
                    let last = rest.is_empty() && chosen == 16 - job.open.answers.leading_zeros() as u8;
                    self.keep_or_put_back(&mut is_kept, again || !last, question, decisions);
                    with(|world| world.oracle.answer(chosen, None));
                    self.run_out();
                }
                jobs = rest;
                continue;
            };
            let alike = jobs.partition_point(|job| job.chosen(decisions) == Some(chosen));
            let (alike, others) = jobs.split_at(alike);
            self.keep_or_put_back(&mut is_kept, again || !others.is_empty(), question, decisions);
            with(|world| world.oracle.answer(chosen, Some(alike[0].question(decisions + 1))));
            self.go_on();
            self.branches(alike, decisions + 1);
            jobs = others;
        }
        if again {
            self.kept[decisions].put_back(&mut self.fibers);
        }
    }

    /// Before the first of several answers the machine is kept, before each other one put back.
    fn keep_or_put_back(&mut self, is_kept: &mut bool, wanted: bool, question: u32, decisions: usize) {
        if *is_kept {
            self.kept[decisions].put_back(&mut self.fibers);
        } else if wanted {
            if self.kept.len() <= decisions {
                self.kept.resize_with(decisions + 1, Kept::new);
            }
            self.kept[decisions].keep(&self.fibers, question, decisions);
            *is_kept = true;
        }
    }

    /// From here on nothing comes.
    fn run_out(&mut self) {
        assert_eq!(self.fibers.go_on(), Pause::Over, "it was asked for nothing more");
        let (outcome, found) = (&mut self.outcome, &mut self.found);
        with(|world| {
            outcome.note(world);
            let open = world.oracle.open();
            if !self.last && !open.is_empty() {
                let decided: Arc<[Choice]> = world.oracle.decided().into();
                found.extend(open.iter().map(|open| Job { decided: Arc::clone(&decided), open: *open }));
            }
        });
        if let Some(progress) = self.progress {
            progress.fetch_add(1, Ordering::Relaxed);
        }
    }
}
