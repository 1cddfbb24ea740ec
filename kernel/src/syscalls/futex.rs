//! `futex`, and the lists of locks that a task may leave behind.

use core::sync::atomic::Ordering;

use linux_raw_sys::general as linux;

use super::Call;
use super::time::read_time;
use crate::errno::{Errno, Result};
use crate::futex::{self, ALL_BITS, Key, Requeue, Wait, Woken, robust};
use crate::restart::Restart;
use crate::task::Task;
use crate::user_copy::write_user;
use crate::{clocks, processes, timer};

pub(super) fn futex(call: &mut Call) -> Result {
    let operation = call.argument(1) as u32;
    let (command, real) = (operation & linux::FUTEX_CMD_MASK as u32, operation & linux::FUTEX_CLOCK_REALTIME != 0);
    if real && command != linux::FUTEX_WAIT_BITSET {
        return Err(Errno::ENOSYS);
    }
    match command {
        linux::FUTEX_WAIT => {
            let now = timer::nanoseconds();
            let due = limit(call)?.map(|time| now.saturating_add(time));
            wait(call, due, ALL_BITS)
        }
        linux::FUTEX_WAIT_BITSET => {
            let due = limit(call)?.map(|time| if real { clocks::when_real(time) } else { time });
            wait(call, due, call.argument(5) as u32)
        }
        linux::FUTEX_WAKE => wake(call, ALL_BITS),
        linux::FUTEX_WAKE_BITSET => wake(call, call.argument(5) as u32),
        linux::FUTEX_REQUEUE => requeue(call, None),
        linux::FUTEX_CMP_REQUEUE => {
            let expected = (call.argument(0), call.argument(5) as u32);
            requeue(call, Some(expected))
        }
        linux::FUTEX_WAKE_OP => wake_and_change(call),
        _ => Err(Errno::ENOSYS),
    }
}

fn limit(call: &Call) -> Result<Option<u64>> {
    let time = call.argument(3);
    if time == 0 { Ok(None) } else { read_time(time).map(Some) }
}

fn is_private(call: &Call) -> bool {
    call.argument(1) as u32 & linux::FUTEX_PRIVATE_FLAG != 0
}

/// A number of tasks, which is an int.
fn count(argument: usize) -> usize {
    usize::try_from(argument as i32).unwrap_or(0)
}

fn wait(call: &mut Call, due: Option<u64>, bits: u32) -> Result {
    if bits == 0 {
        return Err(Errno::EINVAL);
    }
    let (address, value) = (call.argument(0), call.argument(2) as u32);
    wait_again(call, Wait { address, private: is_private(call), value, bits, due })
}

/// The wait, from the start or after an interruption.
pub(super) fn wait_again(call: &mut Call, wait: Wait) -> Result {
    match futex::wait(call.cpu, &wait)? {
        Woken::Yes => Ok(0),
        Woken::Different => Err(Errno::EAGAIN),
        Woken::TimedOut => Err(Errno::ETIMEDOUT),
        Woken::Interrupted if wait.due.is_none() => Err(Errno::ERESTARTSYS),
        Woken::Interrupted => {
            *Task::current(call.cpu).restart.lock() = Some(Restart::Futex(wait));
            Err(Errno::ERESTART_RESTARTBLOCK)
        }
    }
}

fn wake(call: &mut Call, bits: u32) -> Result {
    if bits == 0 {
        return Err(Errno::EINVAL);
    }
    let key = Key::of(call.cpu, call.argument(0), is_private(call))?;
    // Zero wakes one, as it does on Linux.
    Ok(futex::wake(key, count(call.argument(2)).max(1), bits))
}

fn requeue(call: &mut Call, expected: Option<(usize, u32)>) -> Result {
    let (wake, moves) = (call.argument(2) as i32, call.argument(3) as i32);
    if wake < 0 || moves < 0 {
        return Err(Errno::EINVAL);
    }
    let [from, to] = two_keys(call)?;
    futex::requeue(&Requeue { from, to, wake: wake as usize, moves: moves as usize }, expected)
}

fn two_keys(call: &mut Call) -> Result<[Key; 2]> {
    let (one, other, private) = (call.argument(0), call.argument(4), is_private(call));
    Ok([Key::of(call.cpu, one, private)?, Key::of(call.cpu, other, private)?])
}

/// What FUTEX_WAKE_OP does to the second word, and when it wakes there.
fn wake_and_change(call: &mut Call) -> Result {
    const SHIFT: u32 = 8;
    let code = call.argument(5) as u32;
    let signed = |at: u32| (code << (20 - at)) as i32 >> 20;
    let (kind, comparison) = (code >> 28, code >> 24 & 0xf);
    let (operand, against) = (signed(12), signed(0));
    let operand = if kind & SHIFT != 0 { 1_u32.wrapping_shl(operand as u32) } else { operand as u32 };
    let change: fn(u32, u32) -> u32 = match kind & !SHIFT {
        linux::FUTEX_OP_SET => |_, operand| operand,
        linux::FUTEX_OP_ADD => u32::wrapping_add,
        linux::FUTEX_OP_OR => |word, operand| word | operand,
        linux::FUTEX_OP_ANDN => |word, operand| word & !operand,
        linux::FUTEX_OP_XOR => |word, operand| word ^ operand,
        _ => return Err(Errno::ENOSYS),
    };
    let condition: fn(&i32, &i32) -> bool = match comparison {
        linux::FUTEX_OP_CMP_EQ => i32::eq,
        linux::FUTEX_OP_CMP_NE => i32::ne,
        linux::FUTEX_OP_CMP_LT => i32::lt,
        linux::FUTEX_OP_CMP_LE => i32::le,
        linux::FUTEX_OP_CMP_GT => i32::gt,
        linux::FUTEX_OP_CMP_GE => i32::ge,
        _ => return Err(Errno::ENOSYS),
    };
    let (most, address) = ([call.argument(2), call.argument(3)].map(count), call.argument(4));
    let keys = two_keys(call)?;
    let change = |word| change(word, operand);
    futex::wake_and_change(keys, most, address, change, |word| condition(&(word as i32), &against))
}

pub(super) fn set_robust_list(call: &mut Call) -> Result {
    if call.argument(1) != robust::HEAD_SIZE {
        return Err(Errno::EINVAL);
    }
    Task::current(call.cpu).robust_list.store(call.argument(0), Ordering::Relaxed);
    Ok(0)
}

pub(super) fn get_robust_list(call: &mut Call) -> Result {
    let (id, head_to, size_to) = (call.argument(0) as u32, call.argument(1), call.argument(2));
    let task = match id {
        0 => Task::current_shared(call.cpu),
        _ => processes::find_task(id).ok_or(Errno::ESRCH)?,
    };
    write_user(size_to, &robust::HEAD_SIZE)?;
    write_user(head_to, &task.robust_list.load(Ordering::Relaxed))?;
    Ok(0)
}
