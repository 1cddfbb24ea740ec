//! What tests say: boot a CPU, record, plan what happens at which step, hand in the report.

use crate::cpu::{ALL, Board, IRQ_STACK, Names, OVERFLOW_STACK, Simulated, TASK_STACK, When, hand_in, step, with};
use crate::exceptions::{Exception, PortOf, Vectors, in_user_mode, take};
use crate::kernels::Subject;
use crate::memory::{self, Cell};
use crate::steps::{End, Report};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;
use vestibule::{ContextTracking, Cpu, CpuState, Flags, IrqTracing, Process, TaskWord, Tracked, TrackedIrqs, Word};
use vestibule_arm64::priority::OPEN;
use vestibule_arm64::{Arm64, Backend, CpuLocal, Daif, Nmis, STACK_SIZE, Thread, switch};

/// Runs `scenario` as the first task of a CPU that has booted, with nothing masked. Nothing is recorded before it says
/// so, and nothing before then is interrupted.
pub fn simulate<K>(scenario: impl FnOnce(Cpu<K, Process>) + Send + 'static) -> Report
where
    K: Subject,
{
    simulate_task(TaskWord::new(), scenario)
}

/// The same, and nothing that any check looks at is wrong.
pub fn sound<K: Subject>(scenario: impl FnOnce(Cpu<K, Process>) + Send + 'static) -> Report {
    let report = simulate::<K>(scenario);
    report.assert_sound();
    report
}

/// The same, and `there` happens in user mode.
pub fn sound_in_user_mode<K: Subject>(there: impl FnOnce() + Send + 'static) -> Report {
    sound::<K>(|cpu| in_user_mode(cpu, there))
}

/// This exception comes into the kernel, with everything open.
pub fn with_irqs_on<K: Subject>(exception: Exception) -> Report {
    sound::<K>(move |_cpu| {
        record();
        take(exception);
    })
}

/// With interrupts off.
pub fn with_irqs_off<K: Subject>(exception: Exception) -> Report {
    sound::<K>(move |mut cpu| {
        let _off = cpu.irqs_off();
        record();
        take(exception);
        stop();
    })
}

/// It comes into user mode.
pub fn from_user<K: Subject>(exception: Exception) -> Report {
    sound_in_user_mode::<K>(move || {
        record();
        take(exception);
    })
}

/// As `simulate`, as a task with this word.
pub fn simulate_task<K>(word: TaskWord, scenario: impl FnOnce(Cpu<K, Process>) + Send + 'static) -> Report
where
    K: Subject,
{
    let (sender, receiver) = channel();
    let board = Board::new(sender);
    let thread = std::thread::spawn(move || {
        board.adopt();
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

fn boot<K: Subject>(word: TaskWord) -> Cpu<K, Process> {
    let local: &'static CpuLocal =
        Box::leak(Box::new(CpuLocal::new(0, IRQ_STACK + STACK_SIZE, OVERFLOW_STACK + STACK_SIZE)));
    let thread = new_task("task", word, local);
    // SAFETY: the simulated stack is this task's alone.
    unsafe { thread.set_stack_top(TASK_STACK + STACK_SIZE) };
    with(|state| {
        state.daif = ALL;
        state.nmis = Some(K::Backend::NMIS);
        state.pmr = OPEN;
        state.allint = matches!(K::Backend::NMIS, Nmis::BySuperpriority);
        state.vectors = Some(Vectors::of::<K>());
        state.running.stack_pointer = TASK_STACK + STACK_SIZE - 0x400;
        state.pc = 0x1000;
    });
    // SAFETY: everything is masked, there is no token yet, and the thread is leaked; outside every exception.
    let cpu = unsafe { switch::open_first::<K, K::Backend>(switch::boot::<K>(thread)) };
    learn_names::<K>(local);
    cpu
}

/// Tracking's words have no names outside the library: whoever asks shows where two of the three are.
fn learn_names<K: Subject>(cpu: &'static CpuLocal) {
    <Tracked as ContextTracking<K>>::watching();
    with(|state| state.names.watching = state.last_touched);
    <TrackedIrqs as IrqTracing<K>>::believes_on();
    with(|state| state.names.belief = state.last_touched);
    let first = core::ptr::from_ref(cpu.state()).addr();
    let cells = (first..first + size_of::<CpuState>()).step_by(size_of::<AtomicU64>());
    with(|state| {
        let Names { watching, belief, .. } = state.names;
        let mut others = cells.filter(|cell| ![watching, belief].contains(cell));
        state.names.nesting = others.next().expect("three words");
        assert!(others.next().is_none(), "tracking has a word that nobody knows");
    });
}

/// A task that does not run yet, on this CPU.
pub fn new_task(name: &'static str, word: TaskWord, cpu: &'static CpuLocal) -> &'static Thread {
    let thread: &'static Thread = Box::leak(Box::new(Thread::new(word)));
    // SAFETY: the simulated stacks are this CPU's alone.
    unsafe { thread.set_cpu(cpu) };
    with(|state| {
        state.cpu = Some(cpu);
        state.tasks.push((core::ptr::from_ref(thread).addr(), name));
    });
    thread
}

/// The top of the stack of the `number`th task after the first.
pub const fn stack_top(number: u64) -> u64 {
    TASK_STACK + number * 2 * STACK_SIZE + STACK_SIZE
}

/// The scenario is over: hands in the report.
pub fn finish<K: Subject>() {
    stop();
    let watching = <Tracked as ContextTracking<K>>::watching();
    let word = current_word();
    hand_in(with(|state| {
        let value = |cell: Cell, address: usize| cell.value(at_address(address).load(Ordering::Relaxed));
        let end = End {
            masks: state.masks(),
            word,
            watching,
            nesting: value(Cell::Nesting, state.names.nesting),
            belief: value(Cell::Belief, state.names.belief),
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

/// To a task's word they are all the same.
type AnyMachine = Arm64<Daif<Simulated>>;

/// The current task's word.
pub fn current_word() -> Word {
    current().word().read::<AnyMachine>()
}

/// The running code sets a flag of the current task.
pub fn set(flags: Flags) {
    current().word().set::<AnyMachine>(flags);
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

/// One of tracking's words.
fn at_address(address: usize) -> &'static AtomicU64 {
    // SAFETY: only addresses that `learn_names` found in a leaked `CpuState` get here, and all its words are such.
    unsafe { &*(address as *const AtomicU64) }
}

/// Somebody overwrites one of tracking's words.
pub fn corrupt(cell: Cell, change: impl FnOnce(u64) -> u64) {
    let address = with(|state| match cell {
        Cell::Watching => state.names.watching,
        Cell::Nesting => state.names.nesting,
        Cell::Belief => state.names.belief,
        Cell::FpsimdOf => state.names.fpsimd_of,
        Cell::Word(_) | Cell::ThreadCpu | Cell::Stepped | Cell::TagChecks | Cell::LoadedBy => panic!("not tracking's"),
    });
    let word = at_address(address);
    word.store(change(word.load(Ordering::Relaxed)), Ordering::Relaxed);
    step(format!("({} becomes {})", cell.name(), cell.value(word.load(Ordering::Relaxed))));
}

/// The running code changes its masks behind everybody's back.
pub fn change_masks(daif: u32) {
    step(format!("(masks become {})", memory::daif(daif)));
    with(|state| state.daif = daif);
}

/// The second task, which does not run yet.
pub fn prepare_second<K: Subject>(main: fn(Cpu<K, Process>, usize) -> !, argument: usize) {
    let thread = new_task("second", TaskWord::new(), with(|state| state.cpu).expect("it has booted"));
    // SAFETY: the simulated stack is this task's alone.
    unsafe { switch::prepare::<PortOf<K>>(thread, stack_top(1), main, argument) };
}

/// Of two tasks the one that does not run.
pub fn other_task() -> &'static Thread {
    let task = with(|state| state.tasks.iter().map(|(task, _)| *task).find(|task| *task != state.current));
    // SAFETY: only leaked threads are tasks.
    unsafe { &*(task.expect("there are two tasks") as *const Thread) }
}
