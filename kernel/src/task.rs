//! Tasks: what the scheduler switches between.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

use vestibule::{Context, Process as ProcessContext, TaskWord};
use vestibule_arm64::{Frame, Hardware as _, Thread, current, enter_user, switch};

use crate::cpu_time::CpuTime;
use crate::frames::OutOfMemory;
use crate::held::Held;
use crate::lock::IrqLock;
use crate::pointer_authentication::Keys;
use crate::process::Process;
use crate::ptrace::Traced;
use crate::reference::{Cpu, Hardware, Port};
use crate::registers::write_register;
use crate::restart::Restart;
use crate::signals::TaskSignals;
use crate::stacks::Stack;
use crate::user_copy::write_user;
use crate::{breakpoints, futex, scheduler, user_tables};

/// A task. The port's part comes first: the current task is found through it.
#[repr(C)]
pub struct Task {
    thread: Thread,
    id: AtomicU32,
    state: AtomicU32,
    /// The CPU whose queue it belongs to, or that runs it.
    cpu: AtomicUsize,
    /// The CPUs that it may run on, by their bits.
    affinity: AtomicU64,
    /// TPIDR_EL0 while it does not run.
    pub user_thread_pointer: AtomicU64,
    /// Where to write zero and wake a futex when it ends, or zero.
    pub clear_on_exit: AtomicUsize,
    /// Where to write its number before it begins, or zero.
    pub tell_id_at: AtomicUsize,
    /// Where the list of locks is that it may leave behind, or zero.
    pub robust_list: AtomicUsize,
    /// What it asked of its pointers' tags, by `prctl`'s bits.
    pub tag_control: AtomicUsize,
    /// What user mode signs pointers with.
    pub keys: Keys,
    /// Where it waits for a futex.
    pub futex: futex::Place,
    /// What it has used.
    pub cpu_time: CpuTime,
    /// What is left to do of a system call that was interrupted.
    pub restart: IrqLock<Option<Restart>>,
    /// What it does not want to hear of now, and what waits for it alone.
    pub signals: TaskSignals,
    /// Who traces it, and where it stopped for that.
    pub traced: Traced,
    /// What it holds.
    pub held: Held,
    /// What it wants counted of where it goes.
    pub counted: breakpoints::Counted,
    /// It ends, and does without its process's memory.
    has_left_memory: AtomicBool,
    process: Option<Arc<Process>>,
    /// Until it has begun.
    start: IrqLock<Option<Start>>,
    /// None for a CPU's first task, whose stack is the boot's.
    _stack: Option<Stack>,
}

/// What a task is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum State {
    /// Runs, or waits for a CPU.
    Runnable,
    /// Waits to be woken.
    Sleeping,
    /// Has ended; somebody else frees it.
    Dead,
}

/// What a task does first.
#[allow(clippy::large_enum_variant, reason = "one for each task, in the task")]
pub enum Start {
    /// Runs this, and ends.
    Kernel(fn(Cpu<ProcessContext>) -> Cpu<ProcessContext>),
    /// Goes to user mode.
    User(Frame),
}

impl Task {
    /// A task that does not run yet, with a number of its own; zero for a kernel thread. [`scheduler::start`] lets it go.
    pub fn new(id: u32, process: Option<Arc<Process>>, start: Start) -> Result<Arc<Task>, OutOfMemory> {
        let stack = Stack::new()?;
        let top = stack.top() as u64;
        let task = Arc::new(Task::with(id, process, Some(stack), TaskWord::new()));
        *task.start.lock() = Some(start);
        // SAFETY: the stack is new, of the size and alignment that the port asks for, and this task's.
        unsafe { switch::prepare::<Port>(&task.thread, top, run, 0) };
        Ok(task)
    }

    /// The task that a CPU boots in and idles in, on the stack that ends at `top`.
    ///
    /// # Safety
    /// The CPU runs on that stack, which is its own for ever.
    pub unsafe fn for_idle(top: usize) -> Arc<Task> {
        let task = Task::with(0, None, None, TaskWord::idle());
        // SAFETY: the caller's.
        unsafe { task.thread.set_stack_top(top as u64) };
        Arc::new(task)
    }

    fn with(id: u32, process: Option<Arc<Process>>, stack: Option<Stack>, word: TaskWord) -> Task {
        Task {
            thread: Thread::new(word),
            id: AtomicU32::new(id),
            state: AtomicU32::new(State::Runnable as u32),
            cpu: AtomicUsize::new(0),
            affinity: AtomicU64::new(u64::MAX),
            user_thread_pointer: AtomicU64::new(0),
            clear_on_exit: AtomicUsize::new(0),
            tell_id_at: AtomicUsize::new(0),
            robust_list: AtomicUsize::new(0),
            tag_control: AtomicUsize::new(0),
            keys: Keys::new(),
            futex: futex::Place::new(),
            cpu_time: CpuTime::new(),
            restart: IrqLock::new(None),
            signals: TaskSignals::new(),
            traced: Traced::new(),
            held: Held::new(),
            counted: breakpoints::Counted::new(),
            has_left_memory: AtomicBool::new(false),
            process,
            start: IrqLock::new(None),
            _stack: stack,
        }
    }

    /// The task that runs.
    #[inline(always)]
    pub fn current<C: Context>(cpu: &Cpu<C>) -> &Task {
        // SAFETY: every thread of this kernel is the first field of a task.
        unsafe { &*core::ptr::from_ref(current(cpu)).cast::<Task>() }
    }

    /// The same, for code that has no token to show.
    pub fn running<'task>() -> &'task Task {
        // SAFETY: as above; a task that runs lives, and whoever asks is it.
        unsafe { &*Hardware::current().cast::<Task>() }
    }

    /// The same, shared.
    pub fn current_shared<C: Context>(cpu: &Cpu<C>) -> Arc<Task> {
        let task = core::ptr::from_ref(Task::current(cpu));
        // SAFETY: tasks are made in an `Arc`, and whoever runs one holds a count.
        unsafe {
            Arc::increment_strong_count(task);
            Arc::from_raw(task)
        }
    }

    /// The port's part.
    pub fn thread(&self) -> &Thread {
        &self.thread
    }

    /// Its word.
    pub fn word(&self) -> &TaskWord {
        self.thread.word()
    }

    /// Its number, as user mode sees it; a process's first task has the process's. Zero for a kernel thread.
    pub fn id(&self) -> u32 {
        self.id.load(Ordering::Relaxed)
    }

    /// It takes over the number of its process's first task, which has ended.
    pub fn set_id(&self, id: u32) {
        self.id.store(id, Ordering::Relaxed);
    }

    /// The CPU that it belongs to.
    pub fn cpu(&self) -> usize {
        self.cpu.load(Ordering::Relaxed)
    }

    /// Moves it to another CPU. It does not run.
    pub fn set_cpu(&self, cpu: usize) {
        self.cpu.store(cpu, Ordering::Relaxed);
    }

    /// The CPUs that it may run on, by their bits.
    pub fn affinity(&self) -> u64 {
        self.affinity.load(Ordering::Relaxed)
    }

    /// Says where it may run; some of that is online. Before it starts, or its own business: whoever runs elsewhere goes
    /// when it next schedules.
    pub fn set_affinity(&self, cpus: u64) {
        self.affinity.store(cpus, Ordering::Relaxed);
    }

    /// May it run there?
    pub fn may_run_on(&self, cpu: usize) -> bool {
        self.affinity() & 1 << cpu != 0
    }

    /// What the CPU's lower half is while it runs; zero for none.
    pub fn ttbr0(&self) -> u64 {
        match &self.process {
            Some(process) if !self.has_left_memory.load(Ordering::Relaxed) => process.ttbr0(),
            _ => 0,
        }
    }

    /// The current task's last way: it touches user memory no more, and no CPU that runs it has the tables, so that who is left
    /// may free them.
    pub fn leave_memory(cpu: &Cpu<ProcessContext>) {
        // In this order: wherever it is switched to in between, it comes without them.
        Task::current(cpu).has_left_memory.store(true, Ordering::Relaxed);
        user_tables::deactivate();
    }

    /// What it is part of; none for a kernel thread.
    pub fn process(&self) -> Option<&Arc<Process>> {
        self.process.as_ref()
    }

    /// It runs, and its user registers are as a new program's.
    pub fn reset_user_registers(&self) {
        // SAFETY: a user register, of the task that runs.
        unsafe { write_register!("tpidr_el0", 0_u64) };
    }

    /// What it is about.
    pub fn is(&self, state: State) -> bool {
        self.state.load(Ordering::Acquire) == state as u32
    }

    /// Says what it is about; its own business alone, but for waking.
    pub fn set(&self, state: State) {
        self.state.store(state as u32, Ordering::SeqCst);
        // Who sleeps by name looks next at what it sleeps for, which whoever wakes it has changed before he looks at its name: of
        // the two one sees the other's. A store and a load of something else are in order only with this between them.
        fence(Ordering::SeqCst);
    }

    /// Makes a sleeping task runnable; false if it does not sleep.
    pub fn rouse(&self) -> bool {
        let (from, to) = (State::Sleeping as u32, State::Runnable as u32);
        self.state.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

/// A new task's life.
fn run(cpu: Cpu<ProcessContext>, _: usize) -> ! {
    let start = Task::current(&cpu).start.lock().take();
    match start.expect("a task begins once") {
        Start::User(frame) => {
            let task = Task::current(&cpu);
            let place = task.tell_id_at.load(Ordering::Relaxed);
            // Who gave a bad address is not told, and as in Linux nobody hears of that.
            _ = place != 0 && write_user(place, &task.id()).is_ok();
            enter_user::<Port>(scheduler::publish_cpu_number(cpu), frame)
        }
        Start::Kernel(main) => scheduler::end(&mut main(cpu)),
    }
}
