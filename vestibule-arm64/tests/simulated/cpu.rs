//! The CPU: its registers, what is pending, and the tasks that run on it.
//!
//! A scenario runs on a thread of its own, and so does every task it switches to; they pass the CPU from one to the
//! next, so that only one ever runs. Nobody can return from `die` (an `extern "C"` function cannot unwind either): who
//! dies hands in the report and sleeps for ever.

use crate::exceptions::{Exception, Vectors};
use crate::memory::{self, Cell};
use crate::steps::{End, Kind, Report, Step};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use vestibule::{Broken, ContextTracking, Cpu, Flags, IrqTracing, Process, TaskWord, Tracked, TrackedIrqs, Word};
use vestibule_arm64::{Arm64, Bodies, CpuLocal, STACK_SIZE, Thread, switch};

/// The hardware that the port runs on here.
#[derive(Debug)]
pub enum Simulated {}

/// D, A, I and F.
pub const ALL: u32 = 0b1111;
/// What `NoIrq` masks.
pub const IRQS: u32 = 0b0011;

const TASK_STACK: u64 = 0x1000_0000;
const IRQ_STACK: u64 = 0x2000_0000;
const OVERFLOW_STACK: u64 = 0x3000_0000;

/// An action that a scenario wants at some step.
type Action = Box<dyn FnOnce() + Send>;

/// When.
pub enum When {
    /// At the first step that begins so.
    Text(&'static str),
    /// At the step of this number, from 0.
    Number(usize),
}

/// Bugs of the hardware.
#[derive(Default)]
pub struct Faults {
    /// Taking an exception does not mask these.
    pub entry_leaves_open: u32,
    /// DAIFSet does not mask these.
    pub set_ignores: u32,
}

/// What is the running task's alone.
#[derive(Default)]
pub struct Running {
    pub stack_pointer: u64,
    /// Frame and number of each exception that it is in.
    pub exceptions: Vec<(usize, usize)>,
}

#[derive(Default)]
pub struct State {
    pub user: bool,
    pub daif: u32,
    pub pc: u64,
    pub elr: u64,
    pub spsr: u64,
    pub esr: u64,
    pub far: u64,
    pub sp_el0: u64,
    pub current: usize,
    pub running: Running,
    pub others: HashMap<usize, Running>,
    pub vectors: Option<Vectors>,
    pub pending: Vec<Exception>,
    pub taken: usize,
    pub softirqs: u32,
    pub faults: Faults,
    pub report: Report,
    recording: bool,
    other_cpu: bool,
    plans: Vec<(When, Action)>,
    tasks: Vec<(usize, &'static str)>,
    watching: usize,
    belief: usize,
    nesting: usize,
    last_touched: usize,
    values: HashMap<usize, u64>,
}

/// One simulated CPU and its tasks' threads.
pub struct Board {
    state: Mutex<State>,
    turn: Condvar,
    finished: Mutex<Sender<Report>>,
}

thread_local! {
    static BOARD: OnceCell<Arc<Board>> = const { OnceCell::new() };
}

fn board() -> Arc<Board> {
    BOARD.with(|board| Arc::clone(board.get().expect("this thread is no simulated CPU's")))
}

/// The CPU's state, for no longer than `f`: nothing in `f` may be a step.
pub fn with<R>(f: impl FnOnce(&mut State) -> R) -> R {
    f(&mut board().state.lock().expect("no thread panics while it has the state"))
}

/// A step that changes something.
pub fn step(text: impl Into<String>) {
    step_of(Kind::Change, text);
}

/// After each step, what was planned for it happens, and then what is pending and not masked is taken.
pub fn step_of(kind: Kind, text: impl Into<String>) {
    let text = text.into();
    let actions = with(|state| state.record(text, kind));
    for action in actions {
        action();
    }
    deliver();
}

fn deliver() {
    while let Some(exception) = with(State::take_pending) {
        crate::exceptions::take(exception);
    }
}

impl State {
    fn record(&mut self, text: String, kind: Kind) -> Vec<Action> {
        if !self.recording {
            return Vec::new();
        }
        let text = if self.other_cpu { format!("other CPU: {text}") } else { text };
        let number = self.report.steps.len();
        let now = |(when, _): &mut (When, Action)| match when {
            When::Text(wanted) => text.starts_with(*wanted),
            When::Number(wanted) => *wanted == number,
        };
        let actions = self.plans.extract_if(.., now).map(|(_, action)| action).collect();
        let exception = self.running.exceptions.last().map_or(0, |(_, number)| *number);
        self.report.steps.push(Step { depth: self.running.exceptions.len(), exception, kind, text });
        actions
    }

    fn take_pending(&mut self) -> Option<Exception> {
        if !self.recording || self.other_cpu {
            return None;
        }
        let masked = if self.user { 0 } else { self.daif };
        let index = self.pending.iter().position(|exception| exception.masked_by() & masked == 0)?;
        Some(self.pending.remove(index))
    }

    /// The library saw a rule broken.
    pub fn broken(&mut self, what: Broken) {
        if self.recording {
            self.report.broken.push(what);
        }
    }

    /// What the hardware requires of whoever uses it.
    pub fn require(&mut self, holds: bool, what: &str) {
        if !holds {
            self.report.misused.push(what.into());
            let depth = self.running.exceptions.len();
            self.report.steps.push(Step { depth, exception: 0, kind: Kind::Change, text: format!("!! {what}") });
        }
    }

    /// The name of a word in memory.
    fn cell(&self, address: usize) -> Cell {
        for (task, name) in &self.tasks {
            if address == *task {
                return Cell::Word(if address == self.current { "" } else { name });
            }
            if (*task..task + size_of::<Thread>()).contains(&address) {
                return Cell::ThreadCpu;
            }
        }
        match address {
            _ if address == self.watching => Cell::Watching,
            _ if address == self.belief => Cell::Belief,
            _ if address == self.nesting => Cell::Nesting,
            // While the names are being learned.
            _ => Cell::ThreadCpu,
        }
    }

    /// A word in memory now has this value: its name.
    pub fn touch(&mut self, address: usize, value: u64) -> Cell {
        self.last_touched = address;
        self.values.insert(address, value);
        self.cell(address)
    }

    pub fn task_name(&self, task: usize) -> &'static str {
        self.tasks.iter().find(|(address, _)| *address == task).expect("only known tasks run").1
    }

    /// Which stack this is.
    pub fn stack(&self) -> &'static str {
        match self.running.stack_pointer {
            TASK_STACK..IRQ_STACK => "task",
            IRQ_STACK..OVERFLOW_STACK => "irq",
            _ => "overflow",
        }
    }
}

/// Runs `scenario` as the first task of a CPU that has booted, with nothing masked. Nothing is recorded before it says
/// so, and nothing before then is interrupted.
pub fn simulate<K>(scenario: impl FnOnce(Cpu<K, Process>) + Send + 'static) -> Report
where
    K: Bodies<Hardware = Simulated>,
{
    simulate_task(TaskWord::new(), scenario)
}

/// The same, as a task with this word.
pub fn simulate_task<K>(word: TaskWord, scenario: impl FnOnce(Cpu<K, Process>) + Send + 'static) -> Report
where
    K: Bodies<Hardware = Simulated>,
{
    let (sender, receiver) = channel();
    let board = Arc::new(Board { state: Mutex::default(), turn: Condvar::new(), finished: Mutex::new(sender) });
    let this = Arc::clone(&board);
    let thread = std::thread::spawn(move || {
        BOARD.with(|board| assert!(board.set(this).is_ok(), "a new thread has no CPU yet"));
        let cpu = boot::<K>(word);
        scenario(cpu);
        finish::<K>();
    });
    // Nobody says that a scenario panicked, or that its tasks wait for each other.
    for _ in 0..1000 {
        match receiver.recv_timeout(Duration::from_millis(20)) {
            Ok(report) => return report,
            Err(_) if thread.is_finished() => return receiver.try_recv().expect("the scenario panicked"),
            Err(_) => {}
        }
    }
    panic!("the scenario hangs");
}

fn boot<K: Bodies<Hardware = Simulated>>(word: TaskWord) -> Cpu<K, Process> {
    let cpu: &'static CpuLocal =
        Box::leak(Box::new(CpuLocal::new(0, IRQ_STACK + STACK_SIZE, OVERFLOW_STACK + STACK_SIZE)));
    let thread = new_task("task", word, cpu);
    thread.set_stack_top(TASK_STACK + STACK_SIZE);
    with(|state| {
        state.daif = ALL;
        state.vectors = Some(Vectors::of::<K>());
        state.running.stack_pointer = TASK_STACK + STACK_SIZE - 0x400;
        state.pc = 0x1000;
    });
    // SAFETY: everything is masked, there is no token yet, and the thread is leaked; outside every exception.
    let cpu = unsafe { switch::open_first::<K, Simulated>(switch::boot::<K>(thread)) };
    learn_names::<K>();
    cpu
}

/// Tracking's words have no names outside the library: whoever uses each last shows where it is.
fn learn_names<K: Bodies<Hardware = Simulated>>() {
    <Tracked as ContextTracking<K>>::watching();
    with(|state| state.watching = state.last_touched);
    <TrackedIrqs as IrqTracing<K>>::believes_on();
    with(|state| state.belief = state.last_touched);
    <Tracked as ContextTracking<K>>::nmi_enter();
    <Tracked as ContextTracking<K>>::nmi_exit();
    with(|state| state.nesting = state.last_touched);
}

/// A task that does not run yet, on this CPU.
pub fn new_task(name: &'static str, word: TaskWord, cpu: &'static CpuLocal) -> &'static Thread {
    let thread: &'static Thread = Box::leak(Box::new(Thread::new(word)));
    thread.set_cpu(cpu);
    with(|state| state.tasks.push((core::ptr::from_ref(thread).addr(), name)));
    thread
}

/// The top of the stack of the `number`th task after the first.
pub const fn stack_top(number: u64) -> u64 {
    TASK_STACK + number * 2 * STACK_SIZE + STACK_SIZE
}

/// The scenario is over: hands in the report.
pub fn finish<K: Bodies<Hardware = Simulated>>() {
    stop();
    let watching = <Tracked as ContextTracking<K>>::watching();
    let word = current_word().bits();
    hand_in(with(|state| {
        let value = |cell: Cell, address: usize| cell.value(state.values.get(&address).copied().unwrap_or_default());
        let end = End {
            daif: memory::daif(state.daif),
            word,
            watching,
            nesting: value(Cell::Nesting, state.nesting),
            belief: value(Cell::Belief, state.belief),
        };
        Report { end: Some(end), ..state.report.clone() }
    }));
}

/// Hands in the report of a kernel that has died, and never comes back.
pub fn die() -> ! {
    hand_in(with(|state| state.report.clone()));
    loop {
        std::thread::park();
    }
}

fn hand_in(report: Report) {
    // Nobody listens any more if the test has failed already.
    let _ = board().finished.lock().expect("nobody panics while sending").send(report);
}

/// From here on everything is a step, and may be interrupted.
pub fn record() {
    with(|state| state.recording = true);
}

/// What follows is none of the test's business.
pub fn stop() {
    with(|state| state.recording = false);
}

/// At `when`, once: `action`.
pub fn at(when: When, action: impl FnOnce() + Send + 'static) {
    with(|state| state.plans.push((when, Box::new(action))));
}

/// At the first step that begins with `text`, once: `action`.
pub fn at_text(text: &'static str, action: impl FnOnce() + Send + 'static) {
    at(When::Text(text), action);
}

/// From now on this exception is pending: it is taken as soon as it is not masked.
pub fn pend(exception: Exception) {
    with(|state| state.pending.push(exception));
}

/// The current task's part of the port.
pub fn current() -> &'static Thread {
    // SAFETY: only leaked threads become current.
    unsafe { &*(with(|state| state.current) as *const Thread) }
}

/// The current task's word.
pub fn current_word() -> Word {
    current().word().read::<Arm64<Simulated>>()
}

/// The running code sets a flag of the current task.
pub fn set(flags: Flags) {
    current().word().set::<Arm64<Simulated>>(flags);
}

/// Another CPU sets a flag of this CPU's current task, and interrupts it.
pub fn set_remotely(flags: Flags) {
    with(|state| state.other_cpu = true);
    set(flags);
    with(|state| {
        state.other_cpu = false;
        state.pending.push(Exception::Irq);
    });
}

/// The running code changes its masks behind everybody's back.
pub fn change_masks(daif: u32) {
    step(format!("(masks become {})", memory::daif(daif)));
    with(|state| state.daif = daif);
}

/// Gives the CPU to a task's thread, and waits until somebody gives it back.
pub fn give_to(from: usize, to: usize) {
    let board = board();
    let mut state = board.state.lock().expect("no thread panics while it has the state");
    let running = std::mem::take(&mut state.running);
    state.others.insert(from, running);
    state.current = to;
    board.turn.notify_all();
    drop(state);
    wait_for_turn(&board, from);
}

fn wait_for_turn(board: &Board, task: usize) {
    let state = board.state.lock().expect("no thread panics while it has the state");
    let is_others = |state: &mut State| state.current != task || !state.others.contains_key(&task);
    let mut state = board.turn.wait_while(state, is_others).expect("no thread panics while it has the state");
    state.running = state.others.remove(&task).expect("waited for it");
}

/// A thread for a task that has never run: `start` begins when it is first switched to.
pub fn spawn(task: usize, stack_pointer: u64, start: impl FnOnce() + Send + 'static) {
    with(|state| state.others.insert(task, Running { stack_pointer, ..Running::default() }));
    let board = board();
    std::thread::spawn(move || {
        wait_for_turn(&board, task);
        BOARD.with(|own| assert!(own.set(board).is_ok(), "a new thread has no CPU yet"));
        start();
    });
}

/// Of two tasks the one that does not run.
pub fn other_task() -> &'static Thread {
    let task = with(|state| state.tasks.iter().map(|(task, _)| *task).find(|task| *task != state.current));
    // SAFETY: only leaked threads are tasks.
    unsafe { &*(task.expect("there are two tasks") as *const Thread) }
}
