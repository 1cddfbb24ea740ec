//! All processes, by their numbers, and where numbers come from. Who looks takes no lock (RCU).

use alloc::sync::Arc;
use core::iter;
use core::sync::atomic::{AtomicU32, Ordering};

use vestibule::IrqsSaved;

use crate::process::Process;
use crate::rcu::{Place, Reader, Table};
use crate::reference::Reference;
use crate::task::Task;

/// The first process's number, and its first task's.
pub const FIRST: u32 = 1;
/// One more than the highest number.
pub const LIMIT: u32 = 1 << 22;

static PROCESSES: Table<Process> = Table::new();
static TASKS: Table<Task> = Table::new();

/// A number for a task, and so for a process, that nobody has.
pub fn take_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(FIRST);
    let following = |number| Some(if number + 1 < LIMIT { number + 1 } else { FIRST + 1 });
    loop {
        let number = NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, following).unwrap_or(FIRST);
        if find(number).is_none() && find_task(number).is_none() {
            return number;
        }
    }
}

/// Makes a new process known.
pub fn add(process: &Arc<Process>) {
    PROCESSES.insert(process.id(), process.clone());
}

/// Nobody can find it any more.
pub fn remove(id: u32) {
    PROCESSES.remove(id);
}

/// Makes a new task known.
pub fn add_task(task: &Arc<Task>) {
    TASKS.insert(task.id(), task.clone());
}

/// Nobody can find it any more.
pub fn remove_task(id: u32) {
    TASKS.remove(id);
}

/// The process of that number, running or ended.
pub fn find(id: u32) -> Option<Arc<Process>> {
    reading(|reader| PROCESSES.find(reader, id).cloned())
}

/// The task of that number, which has not ended.
pub fn find_task(id: u32) -> Option<Arc<Task>> {
    reading(|reader| TASKS.find(reader, id).cloned())
}

/// All, in no order; whoever comes meanwhile may be missing. Takes no memory: it is for those, too, who look for some.
pub fn all() -> impl Iterator<Item = Arc<Process>> {
    let mut place = Place::default();
    iter::from_fn(move || reading(|reader| PROCESSES.next(reader, &mut place).cloned()))
}

/// Those of one process group.
pub fn of_group(group: u32) -> impl Iterator<Item = Arc<Process>> {
    all().filter(move |process| process.group() == group)
}

/// The highest number that a process has.
pub fn newest() -> u32 {
    all().map(|process| process.id()).max().unwrap_or(0)
}

/// Reads for a moment, in whatever context: an alarm's soft interrupt looks for processes, too.
fn reading<R>(section: impl for<'r> FnOnce(&'r Reader<'r>) -> R) -> R {
    let here = IrqsSaved::<Reference>::save();
    section(&Reader::of(here.cpu()))
}

/// Nobody who could let it go on looks after that group: no member has a parent in another group of its session.
pub fn is_orphaned(group: u32) -> bool {
    let looks_after = |process: &Arc<Process>, parent: &Arc<Process>| {
        parent.group() != group && parent.session() == process.session()
    };
    !of_group(group).any(|process| process.parent().is_some_and(|parent| looks_after(&process, &parent)))
}
