//! The numbers of open files: closing, doubling and asking about them.

use alloc::sync::Arc;

use linux_raw_sys::general as linux;
use linux_raw_sys::ioctl;

use super::{Call, Errno, Result};
use crate::files::open::OpenFile;
use crate::files::table::LIMIT;
use crate::user_copy::{read_user, write_user};

const CLOSE_RANGE_UNSHARE: u32 = 2;
const CLOSE_RANGE_CLOEXEC: u32 = 4;

pub(super) fn close(call: &mut Call) -> Result {
    call.process.files.close(call.argument(0))?;
    Ok(0)
}

/// `close_range(first, last, flags)`
pub(super) fn close_range(call: &mut Call) -> Result {
    let (first, last, flags) = (call.argument(0) as u32, call.argument(1) as u32, call.argument(2) as u32);
    if flags & !(CLOSE_RANGE_CLOEXEC | CLOSE_RANGE_UNSHARE) != 0 || first > last {
        return Err(Errno::EINVAL);
    }
    // A table of its own is more than anybody here needs.
    if flags & CLOSE_RANGE_UNSHARE != 0 {
        return Err(Errno::ENOMEM);
    }
    let files = &call.process.files;
    for number in (first as usize..=last as usize).take_while(|number| *number < LIMIT) {
        // Gaps are fine.
        if flags & CLOSE_RANGE_CLOEXEC != 0 {
            _ = files.set_closed_on_exec(number, true);
        } else {
            _ = files.close(number);
        }
    }
    Ok(0)
}

pub(super) fn dup(call: &mut Call) -> Result {
    call.process.files.add(call.file(0)?, false, 0)
}

/// `dup3(old, new, flags)`
pub(super) fn dup3(call: &mut Call) -> Result {
    let (old, new, flags) = (call.argument(0) as u32, call.argument(1) as u32, call.argument(2) as u32);
    if flags & !linux::O_CLOEXEC != 0 || old == new {
        return Err(Errno::EINVAL);
    }
    let file = call.file(0)?;
    call.process.files.put(file, flags & linux::O_CLOEXEC != 0, new as usize)?;
    Ok(new as usize)
}

/// `fcntl(number, command, argument)`
pub(super) fn fcntl(call: &mut Call) -> Result {
    let (number, command, argument) = (call.argument(0) as u32 as usize, call.argument(1) as u32, call.argument(2));
    let open = call.file(0)?;
    let files = &call.process.files;
    match command {
        linux::F_DUPFD | linux::F_DUPFD_CLOEXEC if argument >= LIMIT => Err(Errno::EINVAL),
        linux::F_DUPFD | linux::F_DUPFD_CLOEXEC => files.add(open, command == linux::F_DUPFD_CLOEXEC, argument),
        linux::F_GETFD => Ok(usize::from(files.is_closed_on_exec(number)?)),
        linux::F_SETFD => {
            files.set_closed_on_exec(number, argument as u32 & linux::FD_CLOEXEC != 0)?;
            Ok(0)
        }
        linux::F_GETFL => Ok(open.flags() as usize),
        linux::F_SETFL => {
            open.set_flags(argument as u32);
            Ok(0)
        }
        linux::F_GETLK => get_lock(argument),
        // Nobody else locks.
        linux::F_SETLK | linux::F_SETLKW => Ok(0),
        linux::F_GETOWN => Ok(0),
        linux::F_SETOWN => Ok(0),
        linux::F_GETPIPE_SZ if open.node().is_none() => Ok(crate::files::pipe::CAPACITY),
        _ => Err(Errno::EINVAL),
    }
}

/// Whatever lock is asked about is free.
fn get_lock(at: usize) -> Result {
    const UNLOCKED: u16 = linux::F_UNLCK as u16;
    let [kind, _] = read_user::<[u16; 2]>(at)?;
    if u32::from(kind) > linux::F_UNLCK {
        return Err(Errno::EINVAL);
    }
    write_user(at, &UNLOCKED)?;
    Ok(0)
}

/// Locks are granted: the programs here take none against each other.
pub(super) fn flock(call: &mut Call) -> Result {
    call.file(0)?;
    match call.argument(1) as u32 & !linux::LOCK_NB {
        linux::LOCK_SH | linux::LOCK_EX | linux::LOCK_UN => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

/// What is written is where it stays.
pub(super) fn sync(call: &mut Call) -> Result {
    let open = call.file(0)?;
    let is_synced = open.file.has_places() || super::super::number(call.frame) == linux::__NR_syncfs;
    if is_synced { Ok(0) } else { Err(Errno::EINVAL) }
}

/// `fadvise64(number, offset, length, advice)`: everything is in memory already.
pub(super) fn advise(call: &mut Call) -> Result {
    let open = call.file(0)?;
    match call.argument(3) as u32 {
        _ if !open.file.has_places() => Err(Errno::ESPIPE),
        0..=linux::POSIX_FADV_NOREUSE => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

/// `ioctl(number, command, argument)`
pub(super) fn ioctl(call: &mut Call) -> Result {
    let (command, argument) = (call.argument(1) as u32, call.argument(2));
    let open = call.file(0)?;
    let number = call.argument(0) as u32 as usize;
    let files = &call.process.files;
    match command {
        ioctl::FIOCLEX => files.set_closed_on_exec(number, true).map(|()| 0),
        ioctl::FIONCLEX => files.set_closed_on_exec(number, false).map(|()| 0),
        ioctl::FIONBIO => {
            set_nonblocking(&open, read_user::<i32>(argument)? != 0);
            Ok(0)
        }
        _ => open.file.control(call.cpu, command, argument),
    }
}

fn set_nonblocking(open: &Arc<OpenFile>, is: bool) {
    let flags = open.flags() & !linux::O_NONBLOCK;
    open.set_flags(if is { flags | linux::O_NONBLOCK } else { flags });
}
