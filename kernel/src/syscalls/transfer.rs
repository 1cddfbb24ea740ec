//! Reading and writing.

use super::{Call, Errno, Result};
use crate::console;
use crate::pipe;
use crate::user_copy::{check_range, copy_from_user, copy_to_user, write_user};

/// Bytes copied at a time.
const PIECE: usize = 512;

pub(super) fn write(call: &mut Call) -> Result {
    let (number, from, count) = (call.argument(0), call.argument(1), call.argument(2));
    let end = call.process.file(number);
    match &end {
        Some(end) if !end.writes() => return Err(Errno::EBADF),
        None if number != 1 && number != 2 => return Err(Errno::EBADF),
        _ => {}
    }
    check_range(from, count)?;
    let mut done = 0;
    let mut piece = [0; PIECE];
    while done < count && !call.process.is_ending() {
        let piece = &mut piece[..PIECE.min(count - done)];
        let copied = copy_from_user(piece, from.wrapping_add(done));
        let written = match (copied, &end) {
            (Err(fault), _) => Err(fault.into()),
            (Ok(()), None) => {
                console::write_bytes(piece);
                Ok(piece.len())
            }
            (Ok(()), Some(end)) => {
                end.write(call.cpu, piece, || call.process.is_ending()).map_err(|pipe::Broken| Errno::EPIPE)
            }
        };
        match written {
            Ok(count) => done += count,
            // What was written counts; the error comes with the next call.
            Err(_) if done > 0 => break,
            Err(errno) => return Err(errno),
        }
    }
    Ok(done)
}

pub(super) fn read(call: &mut Call) -> Result {
    let (number, to, count) = (call.argument(0), call.argument(1), call.argument(2));
    let end = match call.process.file(number) {
        Some(end) if !end.writes() => end,
        // Nobody types.
        None if number == 0 => return Ok(0),
        _ => return Err(Errno::EBADF),
    };
    check_range(to, count)?;
    let mut piece = [0; PIECE];
    let piece = &mut piece[..PIECE.min(count)];
    let got = end.read(call.cpu, piece, || call.process.is_ending());
    copy_to_user(to, &piece[..got]).inspect_err(|_| end.unread(&piece[..got]))?;
    Ok(got)
}

pub(super) fn close(call: &mut Call) -> Result {
    if call.process.close(call.argument(0)) { Ok(0) } else { Err(Errno::EBADF) }
}

pub(super) fn pipe(call: &mut Call) -> Result {
    let (to, flags) = (call.argument(0), call.argument(1));
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let (reads, writes) = pipe::pipe();
    let numbers = [call.process.open(reads), call.process.open(writes)];
    let told = write_user(to, &numbers.map(|number| number as i32));
    if told.is_err() {
        numbers.iter().for_each(|number| _ = call.process.close(*number));
    }
    told?;
    Ok(0)
}
