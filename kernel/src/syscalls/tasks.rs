//! Tasks: making and ending them, signals, futexes, giving way.

use core::sync::atomic::Ordering;

use vestibule::Atomic;
use vestibule_arm64::this_cpu;

use super::{Call, Errno, Result};
use crate::percpu;
use crate::planted::Bug;
use crate::reference::Reference;
use crate::task::Task;
use crate::user_copy::{copy_from_user, write_user};

pub(super) fn set_tid_address(call: &mut Call) -> Result {
    let task = Task::current(call.cpu);
    task.clear_on_exit.store(call.argument(0), Ordering::Relaxed);
    Ok(task.id() as usize)
}

pub(super) fn sched_yield(call: &mut Call) -> Result {
    call.cpu.schedule();
    Ok(0)
}

/// A set of CPUs here, in bytes: one word. A shorter one of user mode's ends with zeros, of a longer one the rest is
/// about CPUs that there are not.
const CPU_SET: usize = size_of::<u64>();

/// Back only on a CPU of the new set.
pub(super) fn sched_setaffinity(call: &mut Call) -> Result {
    let (bytes, address) = (call.argument(1), call.argument(2));
    only_itself(call)?;
    let mut set = [0; CPU_SET];
    copy_from_user(&mut set[..bytes.min(CPU_SET)], address)?;
    let set = u64::from_le_bytes(set);
    if !percpu::online().any(|cpu| set & 1 << cpu != 0) {
        return Err(Errno::EINVAL);
    }
    Task::current(call.cpu).set_affinity(set);
    // Should it have moved already, this is no more than giving way once.
    call.cpu.schedule();
    Ok(0)
}

pub(super) fn sched_getaffinity(call: &mut Call) -> Result {
    let (bytes, address) = (call.argument(1), call.argument(2));
    if bytes < CPU_SET || !bytes.is_multiple_of(size_of::<usize>()) {
        return Err(Errno::EINVAL);
    }
    only_itself(call)?;
    let online = percpu::online().fold(0, |set, cpu| set | 1 << cpu);
    write_user(address, &(Task::current(call.cpu).affinity() & online))?;
    Ok(CPU_SET)
}

/// Another task's set would have to change under its scheduling, and nobody needs that.
fn only_itself(call: &Call) -> core::result::Result<(), Errno> {
    let (asked, own) = (call.argument(0) as u32, Task::current(call.cpu).id());
    match asked {
        _ if asked == 0 || asked == own => Ok(()),
        _ if call.process.task(asked).is_some() => Err(Errno::EPERM),
        _ => Err(Errno::ESRCH),
    }
}

pub(super) fn getcpu(call: &mut Call) -> Result {
    if Bug::KernelFault.is_planted() {
        // SAFETY: it is not: that is the bug.
        unsafe { core::ptr::without_provenance::<u8>(8).read_volatile() };
    }
    let number = this_cpu::<Reference, Atomic>(&call.cpu.preempt_off()).number();
    if call.argument(0) != 0 {
        write_user(call.argument(0), &(number as u32))?;
    }
    if call.argument(1) != 0 {
        write_user(call.argument(1), &0_u32)?;
    }
    Ok(0)
}
