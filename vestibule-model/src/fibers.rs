//! Tasks as coroutines: each has a native stack of its own, and a task switch really leaves one for another. Nobody is
//! ever unwound: what is over is left where it stands.
//!
//! Where an execution waits for an answer it can be kept, and gone on with again as often as there are answers: its native stacks are
//! bytes, and stay where they are.

use std::array;
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr;

use corosensei::stack::{DefaultStack, Stack};
use corosensei::{Coroutine, CoroutineResult, Yielder};

use crate::world::{TASKS, with};

/// Why a task gives the processor to who called it.
enum Request {
    Switch(usize),
    Ask,
    Stop,
}

type Way = Yielder<(), Request>;

thread_local! {
    static WAYS: [Cell<*const Way>; TASKS] = const { [const { Cell::new(ptr::null()) }; TASKS] };
    /// About where the stack of each task ends that does not run.
    static ENDS: [Cell<usize>; TASKS] = const { [const { Cell::new(0) }; TASKS] };
    static RUNNING: Cell<usize> = const { Cell::new(0) };
}

#[inline(never)]
fn suspend(request: Request) {
    let here = 0_u8;
    ENDS.with(|ends| ends[RUNNING.get()].set((&raw const here).addr()));
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

/// The search has an answer to the question that is about to be asked; comes back when it can be.
pub(crate) fn wait_for_answer() {
    suspend(Request::Ask);
}

/// Where an execution has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pause {
    /// It waits for an answer.
    Asks,
    /// It is over.
    Over,
}

type Fiber = Coroutine<(), Request, (), DefaultStack>;

/// The tasks of one execution after another.
pub(crate) struct Fibers {
    tasks: [Option<Fiber>; TASKS],
    running: usize,
    /// Where each stack begins.
    bases: [usize; TASKS],
}

/// Tasks that wait, as they were: to be gone on with again.
pub(crate) struct Waiting {
    tasks: MaybeUninit<[Option<Fiber>; TASKS]>,
    running: usize,
    ends: [usize; TASKS],
    stacks: [Vec<u8>; TASKS],
}

const STACK: usize = 256 * 1024;
/// What the closure of a task that has not begun takes, and more than the way out of a task takes below [`suspend`]'s locals.
const ROOM: usize = 1024;

impl Fibers {
    /// Tasks of which the first is about to begin `main`, and the others what they are prepared for.
    pub(crate) fn new(first: usize, main: fn()) -> Fibers {
        let mut bases = [0; TASKS];
        let tasks = array::from_fn(|task| {
            let stack = DefaultStack::new(STACK).expect("memory for the tasks' stacks");
            bases[task] = stack.base().get();
            Some(fiber(stack, task, first, main))
        });
        let fibers = Fibers { tasks, running: first, bases };
        fibers.forget_ends();
        fibers
    }

    /// The same again from the beginning, on the same stacks.
    pub(crate) fn begin(&mut self, first: usize, main: fn()) {
        for (number, task) in self.tasks.iter_mut().enumerate() {
            let mut over = task.take().expect("there is always one");
            // SAFETY: nothing on these stacks has anything to drop that outlives the execution: handlers and hooks hold tokens,
            // guards and frames.
            unsafe { over.force_reset() };
            *task = Some(fiber(over.into_stack(), number, first, main));
        }
        self.running = first;
        self.forget_ends();
    }

    fn forget_ends(&self) {
        ENDS.with(|ends| ends.iter().zip(self.bases).for_each(|(end, base)| end.set(base)));
    }

    /// Goes on, with one task and with others as they are switched to.
    pub(crate) fn go_on(&mut self) -> Pause {
        loop {
            RUNNING.set(self.running);
            match self.tasks[self.running].as_mut().expect("there is always one").resume(()) {
                CoroutineResult::Yield(Request::Switch(to)) => self.running = to,
                CoroutineResult::Yield(Request::Ask) => return Pause::Asks,
                CoroutineResult::Yield(Request::Stop) | CoroutineResult::Return(()) => return Pause::Over,
            }
        }
    }

    /// Keeps them as they wait now.
    pub(crate) fn keep(&self, waiting: &mut Waiting) {
        waiting.running = self.running;
        waiting.ends = ENDS.with(|ends| array::from_fn(|task| ends[task].get() - ROOM));
        // SAFETY: both are as large, and apart. The copies are owned by nobody before `put_back` has overwritten these by them.
        unsafe { ptr::copy_nonoverlapping(&self.tasks, waiting.tasks.as_mut_ptr(), 1) };
        for (task, stack) in waiting.stacks.iter_mut().enumerate() {
            let (end, size) = (waiting.ends[task], self.bases[task] - waiting.ends[task]);
            stack.clear();
            stack.reserve(size);
            // SAFETY: a part of the task's stack, on which nobody runs; there is as much room.
            unsafe {
                ptr::copy_nonoverlapping(end as *const u8, stack.as_mut_ptr(), size);
                stack.set_len(size);
            }
        }
    }

    /// They wait again as they did when they were kept.
    pub(crate) fn put_back(&mut self, waiting: &Waiting) {
        self.running = waiting.running;
        ENDS.with(|ends| ends.iter().zip(waiting.ends).for_each(|(end, kept)| end.set(kept + ROOM)));
        // SAFETY: kept from these very tasks, which still have these very stacks; what they were meanwhile owned nothing else.
        unsafe { ptr::copy_nonoverlapping(waiting.tasks.as_ptr(), &mut self.tasks, 1) };
        for (end, stack) in waiting.ends.into_iter().zip(&waiting.stacks) {
            // SAFETY: where it was copied from, and nobody runs there.
            unsafe { ptr::copy_nonoverlapping(stack.as_ptr(), end as *mut u8, stack.len()) };
        }
    }
}

impl Drop for Fibers {
    fn drop(&mut self) {
        // SAFETY: as in `begin`.
        self.tasks.iter_mut().flatten().for_each(|task| unsafe { task.force_reset() });
    }
}

impl Waiting {
    /// None yet: nothing to put back.
    pub(crate) fn new() -> Waiting {
        Waiting { tasks: MaybeUninit::uninit(), running: 0, ends: [0; TASKS], stacks: Default::default() }
    }
}

fn fiber(stack: DefaultStack, task: usize, first: usize, main: fn()) -> Fiber {
    Coroutine::with_stack(stack, move |way: &Way, ()| {
        WAYS.with(|ways| ways[task].set(way));
        begin(task, first, main);
    })
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
