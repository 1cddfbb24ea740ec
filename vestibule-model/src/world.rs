//! Everything that is, in one place: the CPU, its memory, its tasks, what else happens on the machine, and the search's
//! own books. One for each thread that searches.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use vestibule::{CpuState, TaskWord};
use vestibule_arm64::{CpuLocal, STACK_SIZE, Thread, priority};

use crate::backend::Backend;
use crate::cpu::Cpu;
use crate::design::Design;
use crate::event::Exception;
use crate::fpsimd::Registers;
use crate::ghost::Ghost;
use crate::op::{Cell, Op, Stack};
use crate::oracle::Oracle;
use crate::record::Step;
use crate::shadow::Shadow;
use crate::stepping::Expected;
use crate::tagging::Tagging;
use crate::task::{Activation, Task};
use crate::verdict::{End, Fired};

pub use crate::limits::{Bound, Limits, Reductions};

/// How many tasks there are: two and the idle task.
pub const TASKS: usize = 3;
/// As timelines call them.
pub const TASK_NAMES: [&str; TASKS] = ["A", "B", "idle"];
/// The idle task's number.
pub const IDLE: usize = 2;

/// Where the tasks' stacks begin.
pub const TASK_STACKS: u64 = 0x1000_0000;
/// The interrupt stack.
pub const IRQ_STACK: u64 = 0x2000_0000;
/// The overflow stack.
pub const OVERFLOW_STACK: u64 = 0x3000_0000;

const EARLIER: u64 = 0xbad << 26;

/// The rest of the machine.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Environment {
    /// Another CPU has set a flag, and its interrupt has not come yet.
    pub ipi_due: bool,
    /// It has just come: that is no NMI.
    pub ipi_came: bool,
    /// Soft interrupts that are pending.
    pub softirqs: u8,
    /// How often they were raised since none were counted.
    pub raised: u8,
    /// Interrupts that were acknowledged and have not ended.
    pub active: u8,
}

/// One simulated machine.
pub struct World {
    /// What runs on it.
    pub design: Design,
    /// What may happen.
    pub limits: Limits,
    /// The registers.
    pub cpu: Cpu,
    /// The current task, as TPIDR_EL1 says.
    pub current: usize,
    /// Its tasks.
    pub tasks: [Task; TASKS],
    /// What stands for FP/SIMD registers.
    pub fpsimd: Registers,
    /// Tag checks.
    pub tagging: Tagging,
    /// The rest of the machine.
    pub environment: Environment,
    /// Where the kernel's breakpoint came, and it is stepped over that.
    pub(crate) stepped_over: Option<crate::cpu::Pstate>,
    /// Steps count, and events come.
    pub live: bool,
    /// Decides what comes.
    pub oracle: Oracle,
    /// How it ended.
    pub end: Option<End>,
    /// Which checks have been asked, and which have failed.
    pub fired: Fired,
    /// Steps of all executions.
    pub steps: u64,
    /// Of this one.
    pub own_steps: u64,
    /// The deepest nesting of exceptions.
    pub deepest: usize,
    /// What happened, if somebody wants to read it.
    pub record: Option<Vec<Step>>,
    /// The event that comes next in the record.
    pub(crate) note: Option<String>,
    pub(crate) last_touched: usize,
    /// What a known bug keeps for the CPU.
    pub(crate) kept: (u64, u64),
    pub(crate) memory: Memory,
}

/// The words that the port and the generic half keep in memory.
pub(crate) struct Memory {
    pub(crate) threads: *mut [Thread; TASKS],
    pub(crate) local: *mut CpuLocal,
    pub(crate) watching: usize,
    pub(crate) nesting: usize,
    pub(crate) belief: usize,
}

thread_local! {
    static WORLD: RefCell<Option<Box<World>>> = const { RefCell::new(None) };
}

/// The machine of this thread, for no longer than `f`: nothing in `f` may be a step.
pub fn with<R>(f: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(|world| f(world.as_mut().expect("this thread has a machine")))
}

/// Puts a machine under this thread, and takes it away when `f` is done.
pub fn under<R>(world: World, f: impl FnOnce() -> R) -> (R, World) {
    WORLD.set(Some(Box::new(world)));
    let result = f();
    (result, *WORLD.take().expect("it was put there above"))
}

impl World {
    /// A machine before anything has run on it.
    pub fn new(design: Design, limits: Limits, oracle: Oracle) -> World {
        World {
            design,
            limits,
            cpu: cpu_of(design.backend),
            current: 0,
            tasks: Default::default(),
            fpsimd: Registers::default(),
            tagging: Tagging::default(),
            environment: Environment::default(),
            stepped_over: None,
            live: false,
            oracle,
            end: None,
            fired: Fired::default(),
            steps: 0,
            own_steps: 0,
            deepest: 0,
            record: None,
            note: None,
            last_touched: 0,
            kept: (0, 0),
            memory: Memory::new(),
        }
    }

    /// Everything as before the first instruction, for the next execution.
    pub fn reset(&mut self, first: usize) {
        self.memory.reset();
        // An earlier exception has left something there.
        self.cpu = Cpu { esr: EARLIER, far: EARLIER, pmhe: self.design.pmhe, ..cpu_of(self.design.backend) };
        self.current = first;
        self.environment = Environment::default();
        self.fpsimd = Registers::default();
        self.tagging.reset(self.design.family == crate::family::Family::OwnTags);
        self.stepped_over = None;
        self.live = false;
        self.end = None;
        self.own_steps = 0;
        self.note = None;
        if let Some(record) = &mut self.record {
            record.clear();
        }
        for (number, task) in self.tasks.iter_mut().enumerate() {
            task.activations.clear();
            task.stack_pointer = stack_top(number) - 0x400;
            task.runnable = number != IDLE;
            task.start = None;
            task.slept = false;
            task.expected = Expected::default();
        }
        for number in 0..TASKS {
            let thread = self.thread(number);
            // SAFETY: the simulated stacks are this task's and this CPU's alone.
            unsafe {
                thread.set_cpu(&*self.memory.local);
                thread.set_stack_top(stack_top(number));
            }
            let program = self.activation(None, Shadow::of(number as u64), 0);
            self.tasks[number].activations.push(program);
        }
        self.give_fpsimd();
    }

    pub(crate) fn activation(&self, exception: Option<Exception>, shadow: Shadow, frame: usize) -> Activation {
        let before = self.snapshot();
        let ghost = Ghost::default();
        Activation {
            exception,
            shadow,
            entry: shadow,
            apart: false,
            masked: shadow,
            in_round: false,
            turn: None,
            frame,
            before,
            unit: None,
            frame_left: 0,
            banks: [0; 2],
            ghost,
        }
    }

    /// The task that runs.
    pub fn task(&self) -> &Task {
        &self.tasks[self.current]
    }

    /// The innermost exception of the task that runs.
    pub fn top(&mut self) -> &mut Activation {
        self.tasks[self.current].activations.last_mut().expect("the program is always there")
    }

    /// The same, to look at.
    pub fn innermost(&self) -> &Activation {
        self.task().activations.last().expect("the program is always there")
    }

    /// How many exceptions the running task is in.
    pub fn depth(&self) -> usize {
        self.task().activations.len() - 1
    }

    /// A task's part of the port.
    pub fn thread(&self, task: usize) -> &'static Thread {
        // SAFETY: leaked by `Memory::new`; rewritten only by `reset`, between two executions.
        unsafe { &(*self.memory.threads)[task] }
    }

    /// A task by its part of the port.
    pub fn task_of(&self, thread: *const Thread) -> usize {
        (thread.addr() - self.memory.threads.addr()) / size_of::<Thread>()
    }

    /// Whose stack the stack pointer is in.
    pub fn stack(&self) -> Stack {
        stack_of(self.task().stack_pointer)
    }

    pub(crate) fn word_at(&self, cell: Cell) -> Option<&AtomicU64> {
        let address = match cell {
            Cell::Word(task) => self.memory.threads.addr() + task * size_of::<Thread>(),
            Cell::Step(task) => self.memory.threads.addr() + task * size_of::<Thread>() + STEPPED,
            Cell::Tags(task) => self.memory.threads.addr() + task * size_of::<Thread>() + TAG_CHECKS,
            Cell::Watching => self.memory.watching,
            Cell::Nesting => self.memory.nesting,
            Cell::Belief => self.memory.belief,
            Cell::ThreadCpu | Cell::LoadedBy(_) | Cell::FpsimdOf => return None,
        };
        // SAFETY: these are atomic words of the leaked `Memory`.
        Some(unsafe { &*(address as *const AtomicU64) })
    }

    /// What a word in memory holds now.
    pub fn value(&self, cell: Cell) -> u64 {
        if cell == Cell::Watching {
            // SAFETY: leaked by `Memory::new`; rewritten only by `reset`, between two executions.
            return unsafe { (*self.memory.local).state().snapshot() };
        }
        self.word_at(cell).map_or(0, |word| word.load(Ordering::Relaxed))
    }

    /// This CPU is watched from now on: for handlers that return so where they may not.
    pub fn begin_watching(&self) {
        if let Some(word) = self.word_at(Cell::Watching) {
            word.fetch_or(1, Ordering::Relaxed);
        }
    }

    /// Somebody else sets flags of a task.
    pub(crate) fn set_remotely(&self, task: usize, flags: u64) {
        if let Some(word) = self.word_at(Cell::Word(task)) {
            word.fetch_or(flags, Ordering::Relaxed);
        }
    }

    /// Which word this is.
    pub(crate) fn cell(&mut self, address: usize) -> Cell {
        self.last_touched = address;
        let threads = self.memory.threads.addr();
        if let Some(offset) = address.checked_sub(threads).filter(|offset| *offset < size_of::<[Thread; TASKS]>()) {
            let (task, field) = (offset / size_of::<Thread>(), offset % size_of::<Thread>());
            return match field {
                0 => Cell::Word(task),
                POINTER_TO_CPU => Cell::ThreadCpu,
                STEPPED => Cell::Step(task),
                TAG_CHECKS => Cell::Tags(task),
                _ => Cell::LoadedBy(task),
            };
        }
        match address {
            _ if address == self.memory.watching => Cell::Watching,
            _ if address == self.memory.belief => Cell::Belief,
            _ if address == self.memory.nesting => Cell::Nesting,
            _ => Cell::FpsimdOf,
        }
    }

    /// Learns where tracking's words are: whoever asks shows two of the three.
    pub(crate) fn learn(&mut self, watching: usize, belief: usize) {
        let local = self.memory.local;
        // SAFETY: leaked, and nobody writes to it now.
        let first = unsafe { core::ptr::from_ref((*local).state()).addr() };
        let mut words = (first..first + size_of::<CpuState>()).step_by(8);
        self.memory.watching = watching;
        self.memory.belief = belief;
        self.memory.nesting = words.find(|word| *word != watching && *word != belief).expect("three words");
    }

    /// This step, for whoever reads it.
    pub(crate) fn write_down(&mut self, op: Op) {
        if self.record.is_some() {
            let step = Step::of(self, op);
            if let Some(record) = &mut self.record {
                record.push(step);
            }
        }
    }
}

/// As a kernel finds it that boots. The priority mask is only the backend's own matter where that is about it; elsewhere who sets
/// up the controller has opened it.
const fn cpu_of(backend: Backend) -> Cpu {
    let open = priority::OPEN as u8;
    match backend {
        Backend::Daif => Cpu { pmr: open, ..Cpu::new() },
        Backend::Pmr => Cpu::new(),
        Backend::AllInt => Cpu { pmr: open, ..Cpu::with_nmis() },
    }
}

/// Where a task's pointer to its CPU is, from its beginning on: after its word.
const POINTER_TO_CPU: usize = 8;
/// And what it is armed with: after its stack.
const STEPPED: usize = 32;

/// And how its tags are checked.
const TAG_CHECKS: usize = 40;

/// Which stack an address is in.
pub(crate) const fn stack_of(stack_pointer: u64) -> Stack {
    match stack_pointer {
        0..IRQ_STACK => Stack::Task,
        IRQ_STACK..OVERFLOW_STACK => Stack::Irq,
        _ => Stack::Overflow,
    }
}

/// Where a task's stack ends.
pub const fn stack_top(task: usize) -> u64 {
    TASK_STACKS + task as u64 * 2 * STACK_SIZE + STACK_SIZE
}

impl Memory {
    fn new() -> Memory {
        let threads = Box::leak(Box::new([const { Thread::new(TaskWord::new()) }; TASKS]));
        let local = Box::leak(Box::new(new_local()));
        // Until `learn` has been told which is which, each is a word of the CPU's.
        let word = core::ptr::from_ref(local.state()).addr();
        Memory { threads, local, watching: word, nesting: word, belief: word }
    }

    fn reset(&mut self) {
        // SAFETY: leaked by `new`; the tasks of the last execution are gone, so that nobody borrows from them.
        unsafe {
            *self.threads = [Thread::new(TaskWord::new()), Thread::new(TaskWord::new()), Thread::new(TaskWord::idle())];
            *self.local = new_local();
        }
    }
}

fn new_local() -> CpuLocal {
    CpuLocal::new(0, IRQ_STACK + STACK_SIZE, OVERFLOW_STACK + STACK_SIZE)
}
