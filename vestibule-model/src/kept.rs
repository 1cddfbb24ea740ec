//! A machine in the middle of an execution, to be gone on with again.

use std::mem::MaybeUninit;
use std::ptr;

use vestibule_arm64::{CpuLocal, Thread};

use crate::cpu::{Cpu, Pstate};
use crate::fibers::{Fibers, Waiting};
use crate::fpsimd::Registers;
use crate::tagging::Tagging;
use crate::task::Task;
use crate::world::{Environment, TASKS, World, with};

/// An execution that waits for an answer: its tasks, and their machine.
pub(crate) struct Kept {
    tasks: Waiting,
    machine: Option<Machine>,
    threads: MaybeUninit<[Thread; TASKS]>,
    local: MaybeUninit<CpuLocal>,
}

/// What of the world is this execution's. The search's own books go on.
struct Machine {
    cpu: Cpu,
    current: usize,
    tasks: [Task; TASKS],
    fpsimd: Registers,
    tagging: Tagging,
    environment: Environment,
    stepped_over: Option<Pstate>,
    live: bool,
    own_steps: u64,
    kept: (u64, u64),
    question: u32,
    decisions: usize,
}

impl Kept {
    /// None yet.
    pub(crate) fn new() -> Kept {
        Kept { tasks: Waiting::new(), machine: None, threads: MaybeUninit::uninit(), local: MaybeUninit::uninit() }
    }

    /// Keeps the execution that waits at this question, after so many decisions.
    pub(crate) fn keep(&mut self, fibers: &Fibers, question: u32, decisions: usize) {
        fibers.keep(&mut self.tasks);
        with(|world| {
            // The same lists again, with what they have room for.
            let mut tasks = self.machine.take().map(|machine| machine.tasks).unwrap_or_default();
            tasks.iter_mut().zip(&world.tasks).for_each(|(kept, task)| kept.copy_from(task));
            self.machine = Some(Machine::of(world, tasks, question, decisions));
            // SAFETY: plain words, of the leaked `Memory`; no task runs.
            unsafe {
                ptr::copy_nonoverlapping(world.memory.threads, self.threads.as_mut_ptr(), 1);
                ptr::copy_nonoverlapping(world.memory.local, self.local.as_mut_ptr(), 1);
            }
        });
    }

    /// It waits again.
    pub(crate) fn put_back(&self, fibers: &mut Fibers) {
        let machine = self.machine.as_ref().expect("it was kept");
        fibers.put_back(&self.tasks);
        with(|world| {
            machine.put_back(world);
            // SAFETY: kept from there; no task runs, and none drops anything of theirs.
            unsafe {
                ptr::copy_nonoverlapping(self.threads.as_ptr(), world.memory.threads, 1);
                ptr::copy_nonoverlapping(self.local.as_ptr(), world.memory.local, 1);
            }
        });
    }
}

impl Machine {
    fn of(world: &World, tasks: [Task; TASKS], question: u32, decisions: usize) -> Machine {
        Machine {
            cpu: world.cpu,
            current: world.current,
            tasks,
            fpsimd: world.fpsimd,
            tagging: world.tagging,
            environment: world.environment,
            stepped_over: world.stepped_over,
            live: world.live,
            own_steps: world.own_steps,
            kept: world.kept,
            question,
            decisions,
        }
    }

    fn put_back(&self, world: &mut World) {
        world.cpu = self.cpu;
        world.current = self.current;
        world.tasks.iter_mut().zip(&self.tasks).for_each(|(task, kept)| task.copy_from(kept));
        world.fpsimd = self.fpsimd;
        world.tagging = self.tagging;
        world.environment = self.environment;
        world.stepped_over = self.stepped_over;
        world.live = self.live;
        world.own_steps = self.own_steps;
        world.kept = self.kept;
        world.end = None;
        world.oracle.back_at(self.question, self.decisions);
    }
}
