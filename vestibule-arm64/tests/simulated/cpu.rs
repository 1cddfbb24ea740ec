//! The CPU: its registers, what is pending, and the tasks that run on it.
//!
//! A scenario runs on a thread of its own, and so does every task it switches to; they pass the CPU from one to the
//! next, so that only one ever runs. Nobody can return from `die` (an `extern "C"` function cannot unwind either): who
//! dies hands in the report and sleeps for ever.

use crate::exceptions::{Exception, Vectors};
use crate::memory::{self, Cell};
use crate::steps::{Kind, Report, Step};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex};
use vestibule::{Broken, CpuState};
use vestibule_arm64::breakpoints::{ENABLED, Point};
use vestibule_arm64::{CpuLocal, Nmis, Thread, priority};

/// The hardware that the port runs on here.
#[derive(Debug)]
pub enum Simulated {}

/// D, A, I and F.
pub const ALL: u32 = 0b1111;
/// What `NoIrq` masks.
pub const IRQS: u32 = 0b0011;

/// Where the tasks' stacks begin.
pub const TASK_STACK: u64 = 0x1000_0000;
/// The interrupt stack.
pub const IRQ_STACK: u64 = 0x2000_0000;
/// The stack for reports that another is full.
pub const OVERFLOW_STACK: u64 = 0x3000_0000;

/// An action that a scenario wants at some step.
pub type Action = Box<dyn FnOnce() + Send>;

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
    /// Whoever asks for the interrupt gets this: it was withdrawn.
    pub special: Option<u64>,
}

/// Where the words of tracking are.
#[derive(Default)]
pub struct Names {
    pub watching: usize,
    pub belief: usize,
    pub nesting: usize,
    pub fpsimd_of: usize,
}

/// Tag checks.
#[derive(Clone, Default)]
pub struct Tags {
    /// PSTATE.TCO: none are made.
    pub masked: bool,
    /// SCTLR_EL1.TCF0 and GCR_EL1.Exclude.
    pub user: (u64, u64),
    /// TFSRE0_EL1 and TFSR_EL1.
    pub faults: [u64; 2],
    /// What will be there. The barrier that waits for accesses orders it before a write; a read sees it after a context
    /// synchronization event, too.
    pub coming: [Coming; 2],
}

/// A fault on its way into a register.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Coming {
    pub bits: u64,
    pub waited_for: bool,
}

impl Tags {
    /// A context synchronization event; an exception waits for what comes first.
    fn synchronise(&mut self, waits: bool) {
        for (register, coming) in self.faults.iter_mut().zip(&mut self.coming) {
            if waits || coming.waited_for {
                *register |= std::mem::take(coming).bits;
            }
        }
    }

    /// What is on its way before DSB is there afterwards.
    pub fn wait(&mut self) {
        self.coming.iter_mut().for_each(|coming| coming.waited_for = true);
    }

    /// A write comes after what a barrier has waited for, read or not.
    pub fn write(&mut self, register: usize, faults: u64) {
        self.faults[register] = faults;
        if self.coming[register].waited_for {
            self.coming[register] = Coming::default();
        }
    }

    /// An exception: checks are masked, what came before it is known. Whether they were.
    pub fn enter(&mut self) -> bool {
        self.synchronise(true);
        std::mem::replace(&mut self.masked, true)
    }
}

/// What is the running task's alone.
#[derive(Default)]
pub struct Running {
    pub stack_pointer: u64,
    /// Frame and number of each exception that it is in.
    pub exceptions: Vec<(usize, usize)>,
}

/// MDSCR_EL1.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Mdscr {
    /// SS.
    pub stepping: bool,
    /// MDE.
    pub monitors: bool,
    /// KDE.
    pub of_kernel: bool,
}

#[derive(Default)]
pub struct State {
    pub user: bool,
    pub daif: u32,
    /// The priority mask.
    pub pmr: u64,
    pub allint: bool,
    /// How NMIs come.
    pub nmis: Option<Nmis>,
    /// The interrupt that the controller has for whoever acknowledges one.
    pub signalled: Option<Exception>,
    pub pc: u64,
    pub elr: u64,
    pub spsr: u64,
    pub esr: u64,
    pub far: u64,
    pub sp_el0: u64,
    pub mdscr: Mdscr,
    /// The breakpoints and watchpoints that are in the CPU: kind and number, and which.
    pub points: Vec<((usize, usize), Point)>,
    /// What of MDSCR_EL1.SS is in effect.
    pub stepping_seen: bool,
    /// PSTATE.SS in user mode: the instruction that is stepped is still to be executed.
    pub unexecuted: bool,
    pub tags: Tags,
    /// What stands for V0 to V31.
    pub fpsimd: u128,
    /// Registers are read as they are now.
    pub synchronised: bool,
    /// Interrupts that were acknowledged and have not ended.
    pub active: Vec<u64>,
    pub current: usize,
    pub running: Running,
    pub others: HashMap<usize, Running>,
    pub vectors: Option<Vectors>,
    pub pending: Vec<Exception>,
    pub taken: usize,
    pub softirqs: u32,
    /// The kernel has a lock, says its check.
    pub holds_lock: bool,
    /// Who traces system calls keeps them from being made.
    pub tracer_skips: bool,
    pub faults: Faults,
    pub report: Report,
    pub recording: bool,
    /// What happens now happens on another CPU.
    pub other_cpu: bool,
    pub plans: Vec<(When, Action)>,
    pub tasks: Vec<(usize, &'static str)>,
    pub names: Names,
    pub last_touched: usize,
    pub cpu: Option<&'static CpuLocal>,
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

impl Board {
    pub fn new(finished: Sender<Report>) -> Arc<Board> {
        // What is in a CPU that was reset is unknown.
        let left = Point { address: 0xdead_0000, control: ENABLED };
        let state = State { points: vec![((0, 3), left), ((1, 0), left)], ..State::default() };
        Arc::new(Board { state: Mutex::new(state), turn: Condvar::new(), finished: Mutex::new(finished) })
    }

    /// From now on, this thread runs on this CPU.
    pub fn adopt(self: Arc<Board>) {
        BOARD.with(|board| assert!(board.set(self).is_ok(), "a new thread has no CPU yet"));
    }
}

fn board() -> Arc<Board> {
    BOARD.with(|board| Arc::clone(board.get().expect("this thread is no simulated CPU's")))
}

/// The test gets its report.
pub fn hand_in(report: Report) {
    // Nobody listens any more if the test has failed already.
    let _ = board().finished.lock().expect("nobody panics while sending").send(report);
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
        let index = self.pending.iter().position(|exception| !self.masks_exception(*exception))?;
        Some(self.pending.remove(index))
    }

    fn masks_exception(&self, exception: Exception) -> bool {
        let daif = if self.user { 0 } else { self.daif };
        let by_daif = exception.masked_by() & daif != 0;
        match (exception, self.nmis) {
            (Exception::Nmi, Some(Nmis::BySuperpriority)) => self.allint,
            (Exception::Irq | Exception::Fiq, Some(Nmis::BySuperpriority)) => by_daif || self.allint,
            (Exception::Irq | Exception::Fiq, _) => by_daif || self.pmr <= priority::IRQ.into(),
            (Exception::Nmi, _) => by_daif || self.pmr <= priority::NMI.into(),
            _ => by_daif,
        }
    }

    /// Everything is masked.
    pub fn is_closed(&self) -> bool {
        self.daif == ALL && (self.allint || self.nmis != Some(Nmis::BySuperpriority))
    }

    /// All masks, as reports show them.
    pub fn masks(&self) -> String {
        let daif = memory::daif(self.daif);
        match self.nmis {
            Some(Nmis::ByPriority) if self.pmr == priority::OPEN => daif + " open",
            Some(Nmis::ByPriority) if self.pmr == priority::OFF => daif + " off",
            Some(Nmis::ByPriority) => format!("{daif} {:#x}", self.pmr),
            Some(Nmis::BySuperpriority) if self.allint => daif + " ALLINT",
            _ => daif,
        }
    }

    /// The library saw a rule broken.
    pub fn broken(&mut self, what: Broken) {
        if self.recording {
            self.report.broken.push(what);
        }
    }

    /// A context synchronization event.
    pub fn synchronise(&mut self) {
        self.synchronised = true;
        self.tags.synchronise(false);
        self.stepping_seen = self.mdscr.stepping;
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
                return match address - task {
                    8 => Cell::ThreadCpu,
                    32 => Cell::Stepped,
                    40 => Cell::TagChecks,
                    _ => Cell::LoadedBy,
                };
            }
        }
        let state = self.cpu.map(|cpu| core::ptr::from_ref(cpu.state()).addr());
        match address {
            _ if address == self.names.watching => Cell::Watching,
            _ if address == self.names.belief => Cell::Belief,
            _ if address == self.names.nesting => Cell::Nesting,
            _ if state.is_some_and(|state| !(state..state + size_of::<CpuState>()).contains(&address)) => {
                Cell::FpsimdOf
            }
            // While the names are being learned.
            _ => Cell::ThreadCpu,
        }
    }

    /// A word in memory is used: its name.
    pub fn touch(&mut self, address: usize) -> Cell {
        self.last_touched = address;
        let cell = self.cell(address);
        if cell == Cell::FpsimdOf {
            self.names.fpsimd_of = address;
        }
        cell
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
        board.adopt();
        start();
    });
}
