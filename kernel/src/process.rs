//! Processes: memory, what it has open, what it does with signals, its relatives, and the tasks that share all of it.

mod end;
mod exec;
mod fork;
mod job;
mod memory;
mod program;
mod reap;
mod status;
mod usage;

use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::fmt::{self, Display};
use core::iter;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};

pub use fork::Wish;
pub use job::Job;
pub use memory::Memory;
pub use program::Program;
pub use reap::{News, Wanted, Which};
pub use status::Status;
use usage::Past;

use crate::address_space::AddressSpace;
use crate::alarms::Alarms;
use crate::files::table::{FileTable, Location};
use crate::frames::OutOfMemory;
use crate::lock::IrqLock;
use crate::processes;
use crate::signals::{Actions, Pending, Signal};
use crate::task::Task;
use crate::timer;
use crate::wait::WaitQueue;

/// A process.
pub struct Process {
    id: u32,
    /// The number of whom `family` names as parent, for who asks for nothing else.
    parent: AtomicU32,
    family: IrqLock<Family>,
    /// Its process group and its session, by the numbers of their leaders.
    group: AtomicU32,
    session: AtomicU32,
    name: IrqLock<String>,
    /// What it was started with, its name first.
    command: IrqLock<Arc<Vec<Vec<u8>>>>,
    memory: IrqLock<Option<Arc<Memory>>>,
    /// It runs another program than its parent did when it was made.
    began_anew: AtomicBool,
    /// Somebody else has had that memory, and has not got it back.
    borrows_memory: AtomicBool,
    /// Woken when he has.
    memory_returned: WaitQueue,
    /// What the CPU's lower half is while it runs.
    ttbr0: AtomicU64,
    /// What it has open.
    pub files: Arc<FileTable>,
    /// Where it stands in the tree of names.
    pub location: Arc<Location>,
    tasks: IrqLock<Vec<Arc<Task>>>,
    /// How many tasks have not ended.
    living: AtomicU32,
    /// Woken when one has.
    task_left: WaitQueue,
    /// The one that runs another program, and all others end; zero for none.
    survivor: AtomicU32,
    /// Linux's exit status, or [`RUNS`].
    status: AtomicI32,
    /// The last task has left.
    ended: AtomicBool,
    /// What its parent is sent then.
    exit_signal: IrqLock<Option<Signal>>,
    /// What it does with signals.
    pub actions: IrqLock<Actions>,
    /// Signals that any of its tasks may take.
    pub pending: Pending,
    /// Whether it is stopped.
    pub job: Job,
    /// Woken when a child ends, stops or goes on.
    pub children_changed: WaitQueue,
    /// What it and its children have used that are no tasks any more.
    past: IrqLock<Past>,
    /// Timers that send it signals.
    pub alarms: Alarms,
    /// When it was made.
    started: u64,
    /// The path of its program's file.
    executable: IrqLock<Arc<[u8]>>,
    /// The tasks of others that it traces.
    pub tracees: IrqLock<Vec<Arc<Task>>>,
}

/// Whom it stems from, and who stems from it.
#[derive(Default)]
struct Family {
    parent: Weak<Process>,
    children: Vec<Arc<Process>>,
}

const RUNS: i32 = -1;
/// What the first process was started by.
const NOBODY: u32 = 0;

impl Process {
    /// The first process, with memory but no task yet.
    pub fn first(
        program: Program,
        memory: AddressSpace,
        files: Arc<FileTable>,
        location: Arc<Location>,
    ) -> Arc<Process> {
        let mut process = Process::with(processes::FIRST, program.name(), Memory::new(memory), files, location);
        process.command = IrqLock::new(Arc::new(program.arguments));
        process.executable = IrqLock::new(program.file_path);
        let process = Arc::new(process);
        processes::add(&process);
        process
    }

    /// A child of `parent` that is otherwise like this one, with no task yet. Nobody knows it.
    fn copy(&self, id: u32, parent: &Arc<Process>, memory: Arc<Memory>, wish: Wish) -> Arc<Process> {
        let files = if wish.shares_files { self.files.share() } else { self.files.fork() };
        let location = if wish.shares_place { self.location.clone() } else { self.location.fork() };
        let mut child = Process::with(id, self.name(), memory, files, location);
        // A sibling's parent has not been asked what it wants to be sent.
        child.exit_signal = IrqLock::new(if wish.is_sibling { *self.exit_signal.lock() } else { wish.exit_signal });
        child.executable = IrqLock::new(self.executable());
        child.borrows_memory = AtomicBool::new(wish.lends_memory);
        child.parent = AtomicU32::new(parent.id);
        child.group = AtomicU32::new(self.group());
        child.session = AtomicU32::new(self.session());
        child.command = IrqLock::new(self.command());
        child.actions = IrqLock::new(self.actions.lock().clone());
        child.family = IrqLock::new(Family { parent: Arc::downgrade(parent), children: Vec::new() });
        Arc::new(child)
    }

    fn with(id: u32, name: String, memory: Arc<Memory>, files: Arc<FileTable>, location: Arc<Location>) -> Process {
        Process {
            id,
            parent: AtomicU32::new(NOBODY),
            family: IrqLock::new(Family::default()),
            group: AtomicU32::new(id),
            session: AtomicU32::new(id),
            name: IrqLock::new(name),
            command: IrqLock::new(Arc::new(Vec::new())),
            ttbr0: AtomicU64::new(memory.ttbr0()),
            memory: IrqLock::new(Some(memory)),
            began_anew: AtomicBool::new(false),
            borrows_memory: AtomicBool::new(false),
            memory_returned: WaitQueue::new(),
            files,
            location,
            tasks: IrqLock::new(Vec::new()),
            living: AtomicU32::new(0),
            task_left: WaitQueue::new(),
            survivor: AtomicU32::new(0),
            status: AtomicI32::new(RUNS),
            ended: AtomicBool::new(false),
            exit_signal: IrqLock::new(None),
            actions: IrqLock::new(Actions::DEFAULT),
            pending: Pending::new(),
            job: Job::new(),
            children_changed: WaitQueue::new(),
            past: Past::none(),
            alarms: Alarms::new(),
            started: timer::nanoseconds(),
            executable: IrqLock::new(Arc::from(&b""[..])),
            tracees: IrqLock::new(Vec::new()),
        }
    }

    /// Its parent has it among its children from here on.
    fn join_family(self: &Arc<Self>, parent: &Process) -> core::result::Result<(), OutOfMemory> {
        let mut family = parent.family.lock();
        family.children.try_reserve(1).map_err(|_| OutOfMemory)?;
        family.children.push(self.clone());
        Ok(())
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Its parent's number.
    #[inline(always)]
    pub fn parent_id(&self) -> u32 {
        self.parent.load(Ordering::Relaxed)
    }

    /// Its parent, if it has not ended.
    pub fn parent(&self) -> Option<Arc<Process>> {
        self.family.lock().parent.upgrade()
    }

    /// Its process group's number.
    pub fn group(&self) -> u32 {
        self.group.load(Ordering::Relaxed)
    }

    /// Its session's number.
    pub fn session(&self) -> u32 {
        self.session.load(Ordering::Relaxed)
    }

    /// Moves to another process group of its session.
    pub fn set_group(&self, group: u32) {
        self.group.store(group, Ordering::Relaxed);
    }

    /// Begins a session and a process group of its own.
    pub fn lead_session(&self) {
        self.session.store(self.id, Ordering::Relaxed);
        self.set_group(self.id);
    }

    /// What it was started as.
    pub fn name(&self) -> String {
        self.name.lock().clone()
    }

    /// The same for a report, which waits for nobody and takes no memory.
    pub fn name_if_free(&self) -> impl Display {
        fmt::from_fn(|f| match self.name.try_lock() {
            Some(name) => f.write_str(&name),
            None => f.write_str("?"),
        })
    }

    /// What it was started with, its name first.
    pub fn command(&self) -> Arc<Vec<Vec<u8>>> {
        self.command.lock().clone()
    }

    /// Is called something else from here on.
    pub fn rename(&self, name: String) {
        *self.name.lock() = name;
    }

    /// Its memory; none when it has ended.
    pub fn memory(&self) -> Option<Arc<Memory>> {
        self.memory.lock().clone()
    }

    /// What the CPU's lower half is while it runs.
    pub fn ttbr0(&self) -> u64 {
        self.ttbr0.load(Ordering::Relaxed)
    }

    /// It has called `execve`, and so may have made arrangements that others had better not change.
    pub fn has_run_another_program(&self) -> bool {
        self.began_anew.load(Ordering::Relaxed)
    }

    /// Whoever it borrowed memory from has it for himself again.
    fn return_memory(&self) {
        self.borrows_memory.store(false, Ordering::Release);
        self.memory_returned.wake_all();
    }

    fn has_returned_memory(&self) -> bool {
        !self.borrows_memory.load(Ordering::Acquire)
    }

    /// When it was made, by the clock since the boot.
    pub fn started(&self) -> u64 {
        self.started
    }

    /// The path of its program's file, from the root.
    pub fn executable(&self) -> Arc<[u8]> {
        self.executable.lock().clone()
    }

    /// Takes in a new task.
    pub fn add(&self, task: &Arc<Task>) -> core::result::Result<(), OutOfMemory> {
        let mut tasks = self.tasks.lock();
        tasks.try_reserve(1).map_err(|_| OutOfMemory)?;
        self.living.fetch_add(1, Ordering::Relaxed);
        tasks.push(task.clone());
        drop(tasks);
        processes::add_task(task);
        Ok(())
    }

    /// Its tasks that have not ended, the newest first; whoever comes meanwhile is missing. Takes no memory, nor holds a lock
    /// in between.
    pub fn tasks(&self) -> impl Iterator<Item = Arc<Task>> {
        let mut left = usize::MAX;
        iter::from_fn(move || {
            let tasks = self.tasks.lock();
            // Whoever leaves has the later ones move up: those still to come stand below, or at the same place.
            left = left.min(tasks.len()).checked_sub(1)?;
            Some(tasks[left].clone())
        })
    }

    /// How many there are.
    pub fn task_count(&self) -> usize {
        self.tasks.lock().len()
    }

    /// The first of them that is like that.
    pub fn find_task(&self, is_so: impl Fn(&Task) -> bool) -> Option<Arc<Task>> {
        self.tasks.lock().iter().find(|task| is_so(task)).cloned()
    }

    /// The task that asks is the only one left.
    pub fn is_last(&self) -> bool {
        self.living.load(Ordering::Acquire) == 1
    }

    /// Its task of that number.
    pub fn task(&self, id: u32) -> Option<Arc<Task>> {
        self.find_task(|task| task.id() == id)
    }
}
