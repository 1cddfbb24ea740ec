//! What futexes have to do with a task's end: locks that it still holds are marked, and who joins it is woken.

use core::sync::atomic::Ordering::Relaxed;

use linux_raw_sys::general as linux;
use vestibule::Process as ProcessContext;

use super::{ALL_BITS, Key, update_user, wake};
use crate::reference::Cpu;
use crate::task::Task;
use crate::user_copy::{Fault, read_user, write_user};

/// Bytes in a list's head: the first entry, what to add to an entry for its word, the entry that is being changed.
pub const HEAD_SIZE: usize = 24;
/// A list may go round in a circle.
const MOST: usize = 2048;
/// In an entry's address: its word is of another kind, which no task here can have locked.
const PRIORITY_INHERITING: usize = 1;

/// The current task is about to lose its memory. Whatever lists and words it named may be wrong: that ends the work on them.
pub fn release(cpu: &mut Cpu<ProcessContext>) {
    let task = Task::current_shared(cpu);
    let head = task.robust_list.swap(0, Relaxed);
    if head != 0 {
        _ = mark_all(cpu, head, task.id());
    }
    let cleared = task.clear_on_exit.swap(0, Relaxed);
    if cleared != 0 && write_user(cleared, &0_u32).is_ok() {
        wake_one(cpu, cleared);
    }
}

fn mark_all(cpu: &mut Cpu<ProcessContext>, head: usize, task: u32) -> Result<(), Fault> {
    let [first, offset, pending] = read_user::<[usize; 3]>(head)?;
    let mut entry = first;
    for _ in 0..MOST {
        if entry & !PRIORITY_INHERITING == head {
            break;
        }
        // It may be gone as soon as its word is marked.
        let next = read_user::<usize>(entry & !PRIORITY_INHERITING);
        if entry != pending {
            mark(cpu, entry, offset, task, false)?;
        }
        entry = next?;
    }
    if pending == 0 { Ok(()) } else { mark(cpu, pending, offset, task, true) }
}

/// Its owner has died, if that is this task. One who waits hears of it.
fn mark(cpu: &mut Cpu<ProcessContext>, entry: usize, offset: usize, task: u32, pending: bool) -> Result<(), Fault> {
    if entry & PRIORITY_INHERITING != 0 {
        return Ok(());
    }
    let address = entry.wrapping_add(offset);
    if !address.is_multiple_of(size_of::<u32>()) {
        return Err(Fault);
    }
    let is_owned = |word: u32| word & linux::FUTEX_TID_MASK == task;
    let died = |word| if is_owned(word) { word & linux::FUTEX_WAITERS | linux::FUTEX_OWNER_DIED } else { word };
    let word = update_user(address, died)?;
    // It unlocked the word, and may not have come to wake the next.
    let unlocked = pending && word == 0;
    if unlocked || is_owned(word) && word & linux::FUTEX_WAITERS != 0 {
        wake_one(cpu, address);
    }
    Ok(())
}

fn wake_one(cpu: &mut Cpu<ProcessContext>, address: usize) {
    if let Ok(key) = Key::of(cpu, address, false) {
        wake(key, 1, ALL_BITS);
    }
}
