//! Tasks as coroutines: each has a native stack of its own, and a task switch really leaves one for another. Nobody is
//! ever unwound: what is over is left where it stands.

use std::cell::Cell;
use std::ptr;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

use crate::world::{TASKS, with};

/// Why a task gives the processor to who called it.
enum Request {
    Switch(usize),
    Stop,
}

type Way = Yielder<(), Request>;

thread_local! {
    static WAYS: [Cell<*const Way>; TASKS] = const { [const { Cell::new(ptr::null()) }; TASKS] };
    static RUNNING: Cell<usize> = const { Cell::new(0) };
}

fn suspend(request: Request) {
    let way = WAYS.with(|ways| ways[RUNNING.get()].get());
    // SAFETY: set by the coroutine of the task that runs, which is this one, and valid while that lives.
    unsafe { (*way).suspend(request) };
}

/// This execution is over.
pub(crate) fn stop() -> ! {
    suspend(Request::Stop);
    unreachable!("nobody resumes an execution that is over")
}

/// Another task runs; comes back when this one does again.
pub(crate) fn switch(to: usize) {
    suspend(Request::Switch(to));
}

/// The tasks' stacks, used again for each execution.
pub struct Fibers([Option<DefaultStack>; TASKS]);

const STACK: usize = 256 * 1024;

impl Fibers {
    /// Stacks for all tasks.
    pub fn new() -> Fibers {
        Fibers(std::array::from_fn(|_| Some(DefaultStack::new(STACK).expect("memory for the tasks' stacks"))))
    }

    /// Runs `main` as the first task, and the others as they are switched to, until somebody stops.
    pub fn run(&mut self, first: usize, main: fn()) {
        let mut tasks: [Option<Coroutine<(), Request, (), DefaultStack>>; TASKS] = [const { None }; TASKS];
        let mut running = first;
        loop {
            let task = tasks[running].get_or_insert_with(|| {
                let stack = self.0[running].take().expect("every task has one stack");
                Coroutine::with_stack(stack, move |way: &Way, ()| {
                    WAYS.with(|ways| ways[running].set(way));
                    begin(running, first, main);
                })
            });
            RUNNING.set(running);
            match task.resume(()) {
                CoroutineResult::Yield(Request::Switch(to)) => running = to,
                CoroutineResult::Yield(Request::Stop) | CoroutineResult::Return(()) => break,
            }
        }
        for (number, task) in tasks.into_iter().enumerate() {
            if let Some(mut task) = task {
                // SAFETY: nothing on these stacks has anything to drop that outlives the execution: handlers and hooks
                // hold tokens, guards and frames.
                unsafe { task.force_reset() };
                self.0[number] = Some(task.into_stack());
            }
        }
    }
}

fn begin(task: usize, first: usize, main: fn()) {
    if task == first {
        main();
    } else {
        let (start, one, two) = with(|world| world.tasks[task].start.expect("only prepared tasks are switched to"));
        crate::step::step(crate::op::Op::Switched(task), 0);
        start(one, two);
    }
}
