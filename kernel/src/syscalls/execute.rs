//! `execve` and `execveat`.

use alloc::vec::Vec;

use linux_raw_sys::general as linux;

use super::{Call, Errno, Result};
use crate::errno;
use crate::fallible::push;
use crate::files::{node::Node, root};
use crate::planted::Bug;
use crate::process::Program;
use crate::user_copy::{read_user, read_user_string};

/// Bytes of a path, with the zero at its end.
const PATH: usize = 4096;
/// Bytes of one argument, and of all of them with the environment: Linux's for a stack of 8 MiB.
const ONE: usize = 128 << 10;
const ALL: usize = 2 << 20;

pub(super) fn execute(call: &mut Call) -> Result {
    let from = call.process.location.directory();
    run(call, &from, 0, false)
}

pub(super) fn execute_at(call: &mut Call) -> Result {
    let (directory, flags) = (call.argument(0) as i32, call.argument(4) as u32);
    if flags & !(linux::AT_EMPTY_PATH | linux::AT_SYMLINK_NOFOLLOW) != 0 {
        return Err(Errno::EINVAL);
    }
    let from = match directory {
        linux::AT_FDCWD => call.process.location.directory(),
        _ => call.process.files.get(call.argument(0))?.node().cloned().ok_or(Errno::ENOTDIR)?,
    };
    run(call, &from, 1, flags & linux::AT_EMPTY_PATH != 0)
}

/// With path, arguments and environment from argument `n` on.
fn run(call: &mut Call, from: &Node, n: usize, may_be_empty: bool) -> Result {
    let path = read_user_string(call.argument(n), PATH)?.ok_or(Errno::ENAMETOOLONG)?;
    let mut left = ALL;
    let mut arguments = strings(call.argument(n + 1), &mut left)?;
    let environment = strings(call.argument(n + 2), &mut left)?;
    if arguments.is_empty() {
        // As Linux does, for programs that count on a name.
        arguments.push(Vec::new());
    }
    let path = match path.is_empty() && may_be_empty {
        true => from.path()?,
        false => path,
    };
    let from = if path.first() == Some(&b'/') { root() } else { from.clone() };
    let program = Program::find(path, &from, arguments)?;
    let loaded = program.load_or_tell(&environment);
    if Bug::ExecAccepts.is_planted() && loaded.is_err() {
        return Ok(0);
    }
    let (memory, start) = loaded?;
    call.process.exec(call.cpu, memory, start, program, call.frame)?;
    Ok(0)
}

/// The strings that the pointers at `from`, up to one that is null, point to.
fn strings(from: usize, left: &mut usize) -> errno::Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    if from == 0 {
        return Ok(all);
    }
    loop {
        let pointer = read_user::<usize>(from.wrapping_add(all.len() * size_of::<usize>()))?;
        if pointer == 0 {
            return Ok(all);
        }
        let string = read_user_string(pointer, ONE)?.ok_or(Errno::E2BIG)?;
        *left = left.checked_sub(string.len() + 1 + size_of::<usize>()).ok_or(Errno::E2BIG)?;
        push(&mut all, string)?;
    }
}
