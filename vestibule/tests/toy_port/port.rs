//! A port to a machine with one mask bit.

use crate::kernel::ToyKernel;
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};
use vestibule::{
    Class, Context, Cpu, CpuState, Exception, Fixed, Level, Machine, Masks, NoIrq, Port, Process, Restored, Step,
    Syscall, Taken, TaskWord, Word,
};

/// Proof that the port speaks: nobody else can make one.
pub struct Key(());

/// What the vector saves.
#[derive(Debug)]
pub struct Frame {
    pub irqs_on: bool,
    /// The system call's number, if user mode came by one.
    pub syscall: Option<u64>,
}

impl Frame {
    pub fn of_code_with(irqs_on: bool) -> Frame {
        Frame { irqs_on, syscall: None }
    }
}

/// After so many accesses, this.
type Plan = (usize, fn());

thread_local! {
    static MASKED: Cell<bool> = const { Cell::new(true) };
    static WORD: Cell<&'static TaskWord> = Cell::new(Box::leak(Box::new(TaskWord::new())));
    static STATE: Cell<&'static CpuState> = Cell::new(Box::leak(Box::new(CpuState::new())));
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static AT_ACCESS: RefCell<Option<Plan>> = const { RefCell::new(None) };
    static PRETENDED: Cell<Option<u64>> = const { Cell::new(None) };
    static AT_WAIT: Cell<fn()> = const { Cell::new(|| {}) };
}

/// The machine. Each thread is one, and so each test has its own.
pub enum Toy {}

pub fn log(what: impl Into<String>) {
    LOG.with_borrow_mut(|log| log.push(what.into()));
}

/// What happened since the last call.
pub fn happened() -> Vec<String> {
    LOG.take()
}

pub fn is_masked() -> bool {
    MASKED.get()
}

pub fn set_mask(masked: bool) {
    MASKED.set(masked);
}

/// The current task's word, for tests without a token.
pub fn word() -> &'static TaskWord {
    WORD.get()
}

/// Makes the current task one with this word.
pub fn run_as(word: TaskWord) {
    WORD.set(Box::leak(Box::new(word)));
}

/// A task word with exactly these bits.
pub fn word_of(bits: u64) -> Word {
    PRETENDED.set(Some(bits));
    let word = word().read::<Toy>();
    PRETENDED.set(None);
    word
}

/// This CPU's tracking, for tests without a token.
pub fn state() -> &'static CpuState {
    STATE.get()
}

/// A new CPU's tracking.
pub fn reset_state() {
    STATE.set(Box::leak(Box::new(CpuState::new())));
}

/// After `accesses` more accesses to memory, once: `action`.
pub fn at_access(accesses: usize, action: fn()) {
    AT_ACCESS.set(Some((accesses, action)));
}

/// Whether that has happened.
pub fn access_is_over() -> bool {
    AT_ACCESS.take().is_none()
}

/// While the CPU waits: `action`.
pub fn at_wait(action: fn()) {
    AT_WAIT.set(action);
}

fn accessed() {
    let now = AT_ACCESS.with_borrow_mut(|at| match at {
        Some((0, action)) => {
            let action = *action;
            *at = None;
            Some(action)
        }
        Some((left, _)) => {
            *left -= 1;
            None
        }
        None => None,
    });
    if let Some(action) = now {
        action();
    }
}

fn mask() {
    MASKED.set(true);
    log("mask");
}

fn open() {
    log("open");
    MASKED.set(false);
}

impl Machine for Toy {
    type Key = Key;
    type Frame = Frame;

    fn level() -> Level {
        if MASKED.get() { Level::Critical } else { Level::Process }
    }
    fn level_in(of: Level) -> Level {
        if of == Level::Process { of } else { Level::Critical }
    }
    fn nmis_off(_: Step<Self>) {
        mask();
    }
    fn nmis_on(_: Step<Self>) {
        open();
    }
    fn irqs_off(_: Step<Self>) {
        mask();
    }
    fn irqs_on(_: Step<Self>) {
        open();
    }
    fn wait_for_interrupt(_: Step<Self>) {
        log("wait");
        AT_WAIT.get()();
    }

    fn interrupted(frame: &Frame) -> Level {
        if frame.irqs_on { Level::Process } else { Level::Critical }
    }
    fn came_by_syscall(frame: &mut Frame, syscall: bool, _: Step<Self>) {
        frame.syscall = syscall.then_some(64);
    }

    fn task_word(_: Step<Self>) -> &'static TaskWord {
        WORD.get()
    }
    fn cpu_state(_: Step<Self>) -> &'static CpuState {
        STATE.get()
    }
    fn on_task_stack() -> bool {
        true
    }

    fn load(cell: &AtomicU64) -> u64 {
        let value = PRETENDED.get().unwrap_or_else(|| cell.load(Ordering::Relaxed));
        accessed();
        value
    }
    fn store(cell: &AtomicU64, value: u64) {
        cell.store(value, Ordering::Relaxed);
        accessed();
    }
    fn add(cell: &AtomicU64, value: u64) -> u64 {
        Self::add_ordered(cell, value)
    }
    fn add_ordered(cell: &AtomicU64, value: u64) -> u64 {
        let before = cell.fetch_add(value, Ordering::SeqCst);
        accessed();
        before
    }
    fn set(cell: &AtomicU64, bits: u64) {
        cell.fetch_or(bits, Ordering::Release);
        accessed();
    }
    fn clear(cell: &AtomicU64, bits: u64) {
        cell.fetch_and(!bits, Ordering::Acquire);
        accessed();
    }
}

/// The one backend: contexts differ only in whether interrupts are masked.
pub enum OneMask {}

const fn masks(level: Level) -> bool {
    !matches!(level, Level::Process)
}

impl Masks for OneMask {
    type Frame = Frame;

    fn lower<From: Fixed, To: Fixed>(_: Step<Self>) {
        if masks(From::FIXED) && !masks(To::FIXED) {
            open();
        }
    }
    fn inherit(frame: &Frame, _: Step<Self>) {
        if frame.irqs_on {
            open();
        }
    }
    fn mask<From: Context>(_: Step<Self>) {
        if From::LEVEL.is_none_or(|level| !masks(level)) {
            mask();
        }
    }
}

/// What handlers are compiled for.
pub enum ToyPort {}
impl Port for ToyPort {
    type Kernel = ToyKernel;
    type Masks = OneMask;
}

/// An exception: what hardware and vector do around its handler.
pub fn take<X: Class>(frame: &mut Frame, handler: impl FnOnce(Taken<'_, ToyPort, X>) -> Restored<'_, ToyPort, X>) {
    MASKED.set(true);
    log(X::NAME);
    handler(Taken::claim(frame, Key(()))).leave(Key(()));
    assert!(MASKED.get(), "{} returns with interrupts open", X::NAME);
    MASKED.set(!frame.irqs_on);
    log("return");
}

/// The first token of a CPU that boots, with interrupts on.
pub fn boot() -> Cpu<ToyKernel, Process> {
    let cpu = Cpu::<ToyKernel, NoIrq>::claim(Key(())).open(Key(()));
    happened();
    cpu
}

/// A task's first return to user mode.
pub fn first<X>(cpu: Cpu<ToyKernel, Process>, frame: &mut Frame)
where
    X: Class<Body = Process, Counts = Syscall>,
{
    Exception::<ToyPort, X, _>::first(cpu, frame, Key(())).finish().leave(Key(()));
    MASKED.set(false);
}
