//! Processes: an address space, what it has open, and the tasks that share both.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

use vestibule::{Flags, Process as ProcessContext};

use crate::address_space::AddressSpace;
use crate::lock::IrqLock;
use crate::pipe::PipeEnd;
use crate::reference::{Cpu, Machine};
use crate::task::Task;
use crate::wait::Mutex;
use crate::{interrupts, power, println, scheduler, statistics};

/// A process.
pub struct Process {
    id: u32,
    parent: u32,
    name: String,
    /// Its memory. The lock may be held over a fault.
    pub memory: Mutex<AddressSpace>,
    ttbr0: u64,
    files: IrqLock<Vec<Option<PipeEnd>>>,
    tasks: IrqLock<Vec<Arc<Task>>>,
    /// How many tasks have not ended.
    living: AtomicU32,
    /// Linux's exit status, or [`RUNS`].
    status: AtomicI32,
    ticks: AtomicU64,
}

const RUNS: i32 = -1;
/// What the first process was started by.
const NOBODY: u32 = 0;
/// Standard input, output and error are no pipes.
const FIRST_FILE: usize = 3;

impl Process {
    /// The first process, with memory but no task yet.
    pub fn first(name: String, memory: AddressSpace) -> Arc<Process> {
        Arc::new(Process {
            id: 1,
            parent: NOBODY,
            name,
            ttbr0: memory.ttbr0(),
            memory: Mutex::new(memory),
            files: IrqLock::new(Vec::new()),
            tasks: IrqLock::new(Vec::new()),
            living: AtomicU32::new(0),
            status: AtomicI32::new(RUNS),
            ticks: AtomicU64::new(0),
        })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Its parent's number.
    #[inline(always)]
    pub fn parent(&self) -> u32 {
        self.parent
    }

    /// What it was started as.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the CPU's lower half is while it runs.
    pub fn ttbr0(&self) -> u64 {
        self.ttbr0
    }

    /// It has run that much longer.
    pub fn charge(&self, ticks: u64) {
        self.ticks.fetch_add(ticks, Ordering::Relaxed);
    }

    /// Takes in a new task.
    pub fn add(&self, task: &Arc<Task>) {
        self.living.fetch_add(1, Ordering::Relaxed);
        self.tasks.lock().push(task.clone());
    }

    /// The task that asks is the only one left.
    pub fn is_last(&self) -> bool {
        self.living.load(Ordering::Acquire) == 1
    }

    /// Does that task belong here?
    pub fn has_task(&self, id: u32) -> bool {
        self.tasks.lock().iter().any(|task| task.id() == id)
    }

    /// Its tasks are to end.
    pub fn is_ending(&self) -> bool {
        self.status.load(Ordering::Acquire) != RUNS
    }

    /// Has every task end, with `status` for the whole unless it ends already. Each does so on its next way to user mode.
    pub fn end(&self, status: i32) {
        let first = self.status.compare_exchange(RUNS, status, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if !first {
            return;
        }
        for task in self.tasks.lock().iter() {
            task.word().set::<Machine>(Flags::SIGNAL);
            scheduler::wake(task);
            interrupts::send(task.cpu(), interrupts::RESCHEDULE);
        }
    }

    /// The current task, one of these, leaves. The last one closes what is open, and with the first process the machine
    /// ends.
    pub fn leave(&self, cpu: &Cpu<ProcessContext>) {
        let task = Task::current(cpu).id();
        self.tasks.lock().retain(|other| other.id() != task);
        if self.living.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        self.files.lock().clear();
        if self.id == 1 {
            power_off(self.status.load(Ordering::Acquire).max(0));
        }
    }

    /// Opens; the file's number.
    pub fn open(&self, end: PipeEnd) -> usize {
        let mut files = self.files.lock();
        let free = files.iter().position(Option::is_none).unwrap_or_else(|| {
            files.push(None);
            files.len() - 1
        });
        files[free] = Some(end);
        FIRST_FILE + free
    }

    /// What is open under that number.
    pub fn file(&self, number: usize) -> Option<PipeEnd> {
        self.files.lock().get(number.checked_sub(FIRST_FILE)?)?.clone()
    }

    /// Closes; false if nothing was open under that number.
    pub fn close(&self, number: usize) -> bool {
        let closed = match number.checked_sub(FIRST_FILE).and_then(|index| self.files.lock().get_mut(index)?.take()) {
            Some(end) => end,
            None => return false,
        };
        drop(closed);
        true
    }
}

/// The first process has ended, and with it everything.
fn power_off(status: i32) -> ! {
    statistics::print();
    println!("--- exit status {status}");
    power::exit(power::Status::Code(status as u8))
}
