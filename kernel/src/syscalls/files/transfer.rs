//! Reading and writing.

use alloc::sync::Arc;

use linux_raw_sys::general as linux;
use vestibule::Process as ProcessContext;

use super::buffer::Buffer;
use super::segments::Segments;
use super::{Call, Errno, Result};
use crate::errno;
use crate::files::file::{At, Wait};
use crate::files::open::OpenFile;
use crate::files::stat::{Type, checked_size};
use crate::planted::Bug;
use crate::reference::Cpu;
use crate::task::Task;
use crate::user_copy::{read_user, write_user};

pub(super) fn read(call: &mut Call) -> Result {
    let open = to_read(call)?;
    let mut segments = Segments::one(call.argument(1), call.argument(2))?;
    read_to(call.cpu, &open, &mut segments, None)
}

pub(super) fn write(call: &mut Call) -> Result {
    let open = to_write(call)?;
    let mut segments = Segments::one(call.argument(1), call.argument(2))?;
    write_from(call.cpu, &open, &mut segments, None)
}

pub(super) fn readv(call: &mut Call) -> Result {
    let open = to_read(call)?;
    let mut segments = Segments::many(call.argument(1), call.argument(2))?;
    read_to(call.cpu, &open, &mut segments, None)
}

pub(super) fn writev(call: &mut Call) -> Result {
    let open = to_write(call)?;
    let mut segments = Segments::many(call.argument(1), call.argument(2))?;
    write_from(call.cpu, &open, &mut segments, None)
}

pub(super) fn pread(call: &mut Call) -> Result {
    let (place, open) = (place(call)?, to_read(call)?);
    let mut segments = Segments::one(call.argument(1), call.argument(2))?;
    read_to(call.cpu, &open, &mut segments, Some(place))
}

pub(super) fn pwrite(call: &mut Call) -> Result {
    let (place, open) = (place(call)?, to_write(call)?);
    let mut segments = Segments::one(call.argument(1), call.argument(2))?;
    write_from(call.cpu, &open, &mut segments, Some(place))
}

pub(super) fn preadv(call: &mut Call) -> Result {
    let (place, open) = (place(call)?, to_read(call)?);
    let mut segments = Segments::many(call.argument(1), call.argument(2))?;
    read_to(call.cpu, &open, &mut segments, Some(place))
}

pub(super) fn pwritev(call: &mut Call) -> Result {
    let (place, open) = (place(call)?, to_write(call)?);
    let mut segments = Segments::many(call.argument(1), call.argument(2))?;
    write_from(call.cpu, &open, &mut segments, Some(place))
}

fn place(call: &Call) -> errno::Result<u64> {
    checked_size(call.argument(3) as i64).ok_or(Errno::EINVAL)
}

fn to_read(call: &Call) -> errno::Result<Arc<OpenFile>> {
    let open = call.file(0)?;
    open.check_readable()?;
    Ok(open)
}

fn to_write(call: &Call) -> errno::Result<Arc<OpenFile>> {
    let open = call.file(0)?;
    open.check_writable()?;
    Ok(open)
}

fn read_to(cpu: &mut Cpu<ProcessContext>, open: &OpenFile, segments: &mut Segments, place: Option<u64>) -> Result {
    match place {
        None if !open.file.has_places() => read_pieces(cpu, open, segments, 0),
        None => {
            let mut position = open.position.lock(cpu);
            let count = read_pieces(cpu, open, segments, *position)?;
            *position += count as u64;
            Ok(count)
        }
        Some(_) if !open.file.has_places() => Err(Errno::ESPIPE),
        Some(place) => read_pieces(cpu, open, segments, place),
    }
}

fn read_pieces(cpu: &mut Cpu<ProcessContext>, open: &OpenFile, segments: &mut Segments, at: u64) -> Result {
    let mut wait = open.wait();
    if segments.left() == 0 {
        // What cannot be read at all says so.
        return open.file.read(cpu, at, &mut [], Wait::Refuse).or_else(|error| match error {
            Errno::EAGAIN => Ok(0),
            error => Err(error),
        });
    }
    let mut done = 0;
    let mut buffer = Buffer::new(segments.left());
    let buffer = buffer.bytes();
    while segments.left() > 0 {
        let wanted = buffer.len().min(segments.left());
        let piece = &mut buffer[..wanted];
        let got = match open.file.read(cpu, at.saturating_add(done as u64), piece, wait) {
            Ok(got) => got,
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        };
        let copied = segments.put(&piece[..got]);
        done += copied;
        if copied < got {
            open.file.unread(&piece[copied..got]);
            return if done > 0 { Ok(done) } else { Err(Errno::EFAULT) };
        }
        if got < wanted || is_ending(cpu) {
            break;
        }
        // Who has something does not wait for more.
        wait = Wait::Refuse;
    }
    Ok(done)
}

fn write_from(cpu: &mut Cpu<ProcessContext>, open: &OpenFile, segments: &mut Segments, place: Option<u64>) -> Result {
    if Bug::KeptLock.is_planted() {
        core::mem::forget(open.position.lock(cpu));
    }
    if !open.file.has_places() {
        return match place {
            None => write_pieces(cpu, open, segments, At::Place(0)),
            Some(_) => Err(Errno::ESPIPE),
        };
    }
    let end = open.appends().then_some(At::End);
    if let Some(place) = place {
        return write_pieces(cpu, open, segments, end.unwrap_or(At::Place(place)));
    }
    let mut position = open.position.lock(cpu);
    let count = write_pieces(cpu, open, segments, end.unwrap_or(At::Place(*position)))?;
    *position = if end.is_some() { open.file.metadata().size } else { *position + count as u64 };
    Ok(count)
}

fn write_pieces(cpu: &mut Cpu<ProcessContext>, open: &OpenFile, segments: &mut Segments, at: At) -> Result {
    let mut done = 0;
    let mut buffer = Buffer::new(segments.left());
    let buffer = buffer.bytes();
    while segments.left() > 0 {
        let wanted = buffer.len().min(segments.left());
        let copied = segments.take(&mut buffer[..wanted]);
        if copied == 0 {
            return if done > 0 { Ok(done) } else { Err(Errno::EFAULT) };
        }
        match open.file.write(cpu, at.behind(done), &buffer[..copied], open.wait()) {
            Ok(written) => {
                done += written;
                if written < wanted || is_ending(cpu) {
                    break;
                }
            }
            // What was written counts; the error comes with the next call.
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// The process is to end: it need not have all that it asked for.
fn is_ending(cpu: &Cpu<ProcessContext>) -> bool {
    Task::current(cpu).process().is_some_and(|process| process.is_ending())
}

pub(super) fn seek(call: &mut Call) -> Result {
    let open = call.file(0)?;
    let (offset, whence) = (call.argument(1) as i64, call.argument(2) as u32);
    if !open.file.has_places() {
        return Err(Errno::ESPIPE);
    }
    let mut position = open.position.lock(call.cpu);
    let size = open.file.metadata().size;
    let base = match whence {
        linux::SEEK_SET => 0,
        linux::SEEK_CUR => *position,
        linux::SEEK_END => size,
        // A file is one piece of data here, with a hole behind it.
        linux::SEEK_DATA | linux::SEEK_HOLE => {
            let at = u64::try_from(offset).ok().filter(|at| *at < size).ok_or(Errno::ENXIO)?;
            *position = if whence == linux::SEEK_DATA { at } else { size };
            return Ok(*position as usize);
        }
        _ => return Err(Errno::EINVAL),
    };
    let to = (base as i64).checked_add(offset).ok_or(Errno::EOVERFLOW)?;
    *position = checked_size(to).ok_or(Errno::EINVAL)?;
    Ok(*position as usize)
}

/// `sendfile(to, from, offset, count)`
pub(super) fn sendfile(call: &mut Call) -> Result {
    let (to, from) = (call.file(0)?, call.file(1)?);
    let (offset, count) = (call.argument(2), call.argument(3));
    from.check_readable()?;
    to.check_writable()?;
    // As on Linux: what it reads from has bytes with places.
    if !from.file.has_places() || from.file.metadata().is_directory() {
        return Err(if offset != 0 { Errno::ESPIPE } else { Errno::EINVAL });
    }
    if to.appends() {
        return Err(Errno::EINVAL);
    }
    move_bytes(call.cpu, [&from, &to], [offset, 0], count)
}

/// `copy_file_range(from, from_offset, to, to_offset, count, flags)`
pub(super) fn copy_file_range(call: &mut Call) -> Result {
    let (from, to) = (call.file(0)?, call.file(2)?);
    if call.argument(5) != 0 {
        return Err(Errno::EINVAL);
    }
    from.check_readable()?;
    to.check_writable()?;
    if to.appends() {
        return Err(Errno::EBADF);
    }
    for open in [&from, &to] {
        match open.file.metadata().kind() {
            Type::Regular => {}
            Type::Directory => return Err(Errno::EISDIR),
            _ => return Err(Errno::EINVAL),
        }
    }
    move_bytes(call.cpu, [&from, &to], [call.argument(1), call.argument(3)], call.argument(4))
}

/// Moves bytes from one file to another, from and to places in user memory or, where that is none, their positions.
fn move_bytes(cpu: &mut Cpu<ProcessContext>, [from, to]: [&OpenFile; 2], offsets: [usize; 2], count: usize) -> Result {
    let mut places = [0; 2];
    for (place, (open, offset)) in places.iter_mut().zip([from, to].into_iter().zip(offsets)) {
        *place = match offset {
            0 => *open.position.lock(cpu),
            offset => checked_size(read_user::<i64>(offset)?).ok_or(Errno::EINVAL)?,
        };
    }
    let done = copy_pieces(cpu, [from, to], places, count.min(isize::MAX as usize))?;
    for (place, (open, offset)) in places.iter().zip([from, to].into_iter().zip(offsets)) {
        let after = place + done as u64;
        match offset {
            0 => *open.position.lock(cpu) = after,
            offset => write_user(offset, &after)?,
        }
    }
    Ok(done)
}

fn copy_pieces(
    cpu: &mut Cpu<ProcessContext>,
    [from, to]: [&OpenFile; 2],
    [source, destination]: [u64; 2],
    count: usize,
) -> Result {
    let mut done = 0;
    let mut buffer = Buffer::new(count);
    let buffer = buffer.bytes();
    while done < count {
        let wanted = buffer.len().min(count - done);
        let piece = &mut buffer[..wanted];
        let moved = from.file.read(cpu, source + done as u64, piece, Wait::Refuse).and_then(|got| match got {
            0 => Ok((0, 0)),
            got => {
                let at = At::Place(destination).behind(done);
                to.file.write(cpu, at, &piece[..got], to.wait()).map(|written| (got, written))
            }
        });
        match moved {
            Ok((0, _)) => break,
            Ok((got, written)) => {
                done += written;
                if written < got || is_ending(cpu) {
                    break;
                }
            }
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
