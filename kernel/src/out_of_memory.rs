//! When there is no memory left: the process with most of it ends, and whoever needed some waits until it has.

use alloc::sync::{Arc, Weak};

use vestibule::Process as ProcessContext;

use crate::lock::IrqLock;
use crate::process::Process;
use crate::reference::Cpu;
use crate::signals::{self, Info, Signal};
use crate::task::Task;
use crate::wait::Mutex;
use crate::{frames, println, processes, sleep, timer};

/// Whom it hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// Somebody else: there may be memory now.
    Another,
    /// The process that asked.
    This,
}

/// For how long to wait at a time, and how often before the next process has to end too.
const WAIT_NANOSECONDS: u64 = 2_000_000;
const PATIENCE: u32 = 500;

/// Ends the process that has most memory, unless one ends already, and waits until there is some.
pub fn make_room(cpu: &mut Cpu<ProcessContext>) -> Chosen {
    let task = Task::current_shared(cpu);
    let ends = || task.process().is_none_or(|process| process.is_ending());
    for _ in 0..PATIENCE {
        if ends() {
            return Chosen::This;
        }
        // One frame less, and who asked would be here again at once, on its CPU alone: nobody else comes to end (`preempt=none`).
        if frames::has_room() {
            return Chosen::Another;
        }
        if choose(cpu) {
            continue;
        }
        sleep::until(cpu, timer::nanoseconds() + WAIT_NANOSECONDS, ends);
    }
    // Whoever ends holds on to what it has, or has next to nothing: the next one.
    let running = processes::all().filter(|process| !process.is_ending());
    running.max_by_key(pages).inspect(end);
    Chosen::Another
}

/// Who was chosen last.
static VICTIM: IrqLock<Weak<Process>> = IrqLock::new(Weak::new());

/// Ends somebody, unless somebody ends already; whether it did.
fn choose(cpu: &mut Cpu<ProcessContext>) -> bool {
    // Everybody who waits looks every now and then, and there may be more of them than a CPU can have look through all processes.
    if VICTIM.lock().upgrade().is_some_and(|victim| pages(&victim) > 0) {
        return false;
    }
    // One at a time: who comes second finds that somebody ends.
    static CHOICE: Mutex<()> = Mutex::new(());
    let _choice = CHOICE.lock(cpu);
    let with_memory = || processes::all().filter(|process| pages(process) > 0);
    if frames::has_room() || with_memory().any(|process| process.is_ending()) {
        return false;
    }
    // Without the first process, nobody else is anything.
    let victim = with_memory().max_by_key(|process| (process.id() != processes::FIRST, pages(process)));
    victim.inspect(end).is_some()
}

fn end(process: &Arc<Process>) {
    println!(
        "out of memory: {} (process {}) with {} pages has most and ends",
        process.name().escape_debug(),
        process.id(),
        pages(process)
    );
    *VICTIM.lock() = Arc::downgrade(process);
    signals::send(process, Info::kernel(Signal::SIGKILL));
}

/// How many frames come back when it ends, about.
fn pages(process: &Arc<Process>) -> usize {
    process.memory().map_or(0, |memory| memory.frames())
}
