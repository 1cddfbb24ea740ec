//! All processes, by their numbers, and where numbers come from.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::lock::IrqLock;
use crate::process::Process;
use crate::task::Task;

/// The first process's number, and its first task's.
pub const FIRST: u32 = 1;
/// One more than the highest number.
pub const LIMIT: u32 = 1 << 22;

static PROCESSES: IrqLock<BTreeMap<u32, Arc<Process>>> = IrqLock::new(BTreeMap::new());
static TASKS: IrqLock<BTreeMap<u32, Arc<Task>>> = IrqLock::new(BTreeMap::new());

/// A number for a task, and so for a process, that nobody has.
pub fn take_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(FIRST);
    let following = |number| Some(if number + 1 < LIMIT { number + 1 } else { FIRST + 1 });
    loop {
        let number = NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, following).unwrap_or(FIRST);
        if !PROCESSES.lock().contains_key(&number) && !TASKS.lock().contains_key(&number) {
            return number;
        }
    }
}

/// Makes a new process known.
pub fn add(process: &Arc<Process>) {
    PROCESSES.lock().insert(process.id(), process.clone());
}

/// Nobody can find it any more.
pub fn remove(id: u32) {
    let removed = PROCESSES.lock().remove(&id);
    drop(removed);
}

/// Makes a new task known.
pub fn add_task(task: &Arc<Task>) {
    TASKS.lock().insert(task.id(), task.clone());
}

/// Nobody can find it any more.
pub fn remove_task(id: u32) {
    let removed = TASKS.lock().remove(&id);
    drop(removed);
}

/// The process of that number, running or ended.
pub fn find(id: u32) -> Option<Arc<Process>> {
    PROCESSES.lock().get(&id).cloned()
}

/// The task of that number, which has not ended.
pub fn find_task(id: u32) -> Option<Arc<Task>> {
    TASKS.lock().get(&id).cloned()
}

/// All, in the order of their numbers.
pub fn all() -> Vec<Arc<Process>> {
    PROCESSES.lock().values().cloned().collect()
}

/// Those of one process group.
pub fn of_group(group: u32) -> Vec<Arc<Process>> {
    PROCESSES.lock().values().filter(|process| process.group() == group).cloned().collect()
}

/// Nobody who could let it go on looks after that group: no member has a parent in another group of its session.
pub fn is_orphaned(group: u32) -> bool {
    let looks_after = |process: &Arc<Process>, parent: &Arc<Process>| {
        parent.group() != group && parent.session() == process.session()
    };
    !of_group(group).iter().any(|process| process.parent().is_some_and(|parent| looks_after(process, &parent)))
}
