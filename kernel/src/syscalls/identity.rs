//! Who a process is and what it may have. There is one user, root, and no limit that anybody changes.

use core::sync::atomic::Ordering;

use linux_raw_sys::{general as linux, prctl};

use super::{Call, Errno, Result};
use crate::errno;
use crate::processes;
use crate::task::Task;
use crate::user_copy::{copy_from_user, copy_to_user, read_user, write_user};
use crate::{mte, pointer_authentication};

/// `setuid` and its relatives: root becomes nobody else here, but may stay who it is (or say -1, which means that).
pub(super) fn stay_root(call: &mut Call, arguments: usize) -> Result {
    let stays = |n| matches!(call.argument(n) as u32, 0 | u32::MAX);
    if (0..arguments).all(stays) { Ok(0) } else { Err(Errno::EPERM) }
}

/// `getresuid` and `getresgid`.
pub(super) fn three_roots(call: &mut Call) -> Result {
    for n in 0..3 {
        write_user(call.argument(n), &0_u32)?;
    }
    Ok(0)
}

/// `getgroups`: root is in no further group.
pub(super) fn groups(_: &mut Call) -> Result {
    Ok(0)
}

/// `setgroups`: it stays in none.
pub(super) fn set_groups(call: &mut Call) -> Result {
    if call.argument(0) == 0 { Ok(0) } else { Err(Errno::EPERM) }
}

/// `prctl`, as far as there is anything to it.
pub(super) fn control(call: &mut Call) -> Result {
    let (option, argument) = (call.argument(0) as u32, call.argument(1));
    match option {
        prctl::PR_SET_NAME => set_name(call, argument),
        prctl::PR_GET_NAME => {
            let mut name = [0; NAME];
            let now = call.process.name();
            let count = now.len().min(NAME - 1);
            name[..count].copy_from_slice(&now.as_bytes()[..count]);
            copy_to_user(argument, &name)?;
            Ok(0)
        }
        prctl::PR_SET_TAGGED_ADDR_CTRL if rest(call, 2) => mte::control(call.cpu, argument).map(|()| 0),
        prctl::PR_GET_TAGGED_ADDR_CTRL if argument == 0 && rest(call, 2) => {
            Ok(Task::current(call.cpu).tag_control.load(Ordering::Relaxed))
        }
        prctl::PR_PAC_RESET_KEYS if rest(call, 2) => pointer_authentication::reset(call.cpu, argument).map(|()| 0),
        prctl::PR_GET_DUMPABLE | prctl::PR_GET_NO_NEW_PRIVS | prctl::PR_GET_KEEPCAPS => Ok(0),
        prctl::PR_SET_NO_NEW_PRIVS if argument == 1 => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

/// From argument `n` of `prctl` on all are zero.
fn rest(call: &Call, n: usize) -> bool {
    (n..5).all(|n| call.argument(n) == 0)
}

/// A name's bytes, with the zero at its end.
const NAME: usize = 16;

fn set_name(call: &mut Call, from: usize) -> Result {
    let mut name = [0; NAME];
    for (index, byte) in name[..NAME - 1].iter_mut().enumerate() {
        copy_from_user(core::slice::from_mut(byte), from.wrapping_add(index))?;
        if *byte == 0 {
            break;
        }
    }
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(NAME - 1);
    call.process.rename(alloc::string::String::from_utf8_lossy(&name[..end]).into_owned());
    Ok(0)
}

/// Bytes that a stack may grow to.
const STACK: u64 = 8 << 20;
/// Files that a process may have open.
const FILES: u64 = 1024;
const NO_LIMIT: u64 = u64::MAX;

/// `prlimit64`. A limit that is set must be the one that there is.
pub(super) fn limit(call: &mut Call) -> Result {
    let (whom, what, new, old) = (call.argument(0) as u32, call.argument(1) as u32, call.argument(2), call.argument(3));
    if whom != 0 && processes::find(whom).is_none() {
        return Err(Errno::ESRCH);
    }
    let limit = limit_of(what)?;
    if new != 0 && read_user::<[u64; 2]>(new)?[0] > limit[1] {
        return Err(Errno::EPERM);
    }
    if old != 0 {
        write_user(old, &limit)?;
    }
    Ok(0)
}

/// Soft and hard.
fn limit_of(what: u32) -> errno::Result<[u64; 2]> {
    match what {
        linux::RLIMIT_STACK => Ok([STACK, STACK]),
        linux::RLIMIT_NOFILE => Ok([FILES, FILES]),
        linux::RLIMIT_CORE => Ok([0, 0]),
        0..16 => Ok([NO_LIMIT; 2]),
        _ => Err(Errno::EINVAL),
    }
}

/// `getpriority`: twenty less the nice value, which is zero for everybody.
pub(super) fn priority(_: &mut Call) -> Result {
    Ok(20)
}

/// `setpriority`: all have the same.
pub(super) fn set_priority(call: &mut Call) -> Result {
    if call.argument(2) as i32 == 0 { Ok(0) } else { Err(Errno::EACCES) }
}

/// `sched_getscheduler`: SCHED_OTHER.
pub(super) fn scheduling(call: &mut Call) -> Result {
    let whom = call.argument(0) as u32;
    let exists = whom == 0 || whom == Task::current(call.cpu).id() || processes::find_task(whom).is_some();
    if exists { Ok(0) } else { Err(Errno::ESRCH) }
}
