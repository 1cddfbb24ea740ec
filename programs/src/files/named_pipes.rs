//! Named pipes: where threads that open them meet.

use core::ffi::CStr;
use core::ptr::from_ref;

use super::calls::{HERE, close, equal, make, open, read, refused, text, unlink, write};
use crate::runtime::file::duplicate;
use crate::runtime::syscall::{Result, abi, errno, pipe};
use crate::runtime::thread::spawn;

/// One thread says something to another, and two meet and leave.
pub fn try_all() -> Result<()> {
    hello()?;
    end()?;
    by_number()?;
    meetings()
}

fn hello() -> Result<()> {
    make(abi::__NR_mknodat, [HERE, text(c"/tmp/fifo"), (abi::S_IFIFO | 0o600) as usize, 0])?;
    refused("nobody reads", open(c"/tmp/fifo", abi::O_WRONLY | abi::O_NONBLOCK), errno::ENXIO);
    let reader = spawn(|| {
        let mut bytes = [0_u8; 8];
        let file = open(c"/tmp/fifo", abi::O_RDONLY).unwrap_or(usize::MAX);
        equal("what comes", read(file, &mut bytes).map(|count| count == 5 && bytes.starts_with(b"hello")), Ok(true));
        equal("the end", read(file, &mut bytes), Ok(0));
        equal("close", close(file), Ok(0));
    })?;
    // Waits for the reader.
    let file = open(c"/tmp/fifo", abi::O_WRONLY)?;
    write(file, b"hello")?;
    close(file)?;
    reader.join();
    unlink(c"/tmp/fifo", 0)?;
    Ok(())
}

/// Who has gone before somebody opens it is no end to him.
fn end() -> Result<()> {
    let place = c"/tmp/end";
    make(abi::__NR_mknodat, [HERE, text(place), (abi::S_IFIFO | 0o600) as usize, 0])?;
    let before = open(place, abi::O_RDONLY | abi::O_NONBLOCK)?;
    equal("no writer yet", hung_up(before), Ok(false));
    close(open(place, abi::O_WRONLY)?)?;
    let after = open(place, abi::O_RDONLY | abi::O_NONBLOCK)?;
    equal("a writer who has come and gone", hung_up(before), Ok(true));
    equal("a writer who had gone", hung_up(after), Ok(false));
    close(open(place, abi::O_WRONLY)?)?;
    equal("another who has come and gone", hung_up(after), Ok(true));
    close(before)?;
    close(after)?;
    unlink(place, 0)?;
    Ok(())
}

/// A pipe without a name is opened by the number of its other end: that one writes, and counts as who does.
fn by_number() -> Result<()> {
    let [reads, writes] = pipe()?.map(|end| end as usize);
    duplicate(reads as i32, 60)?;
    let again = open(c"/proc/self/fd/60", abi::O_WRONLY)?;
    close(writes)?;
    equal("an end that was opened again", hung_up(reads), Ok(false));
    write(again, b"x")?;
    equal("what it writes", read(reads, &mut [0; 8]), Ok(1));
    close(again)?;
    equal("nobody writes any more", hung_up(reads), Ok(true));
    let late = open(c"/proc/self/fd/60", abi::O_RDONLY)?;
    equal("nobody has since before it was opened again", hung_up(late), Ok(true));
    close(late)?;
    close(60)?;
    close(reads)?;
    Ok(())
}

/// Whether `poll` says that the other side has gone.
fn hung_up(number: usize) -> Result<bool> {
    let mut entry = number as u64 | u64::from(abi::POLLIN) << 32;
    make(abi::__NR_ppoll, [&raw mut entry as usize, 1, from_ref(&[0_u64; 2]) as usize, 0, 8])?;
    Ok(entry >> 48 == u64::from(abi::POLLHUP))
}

/// Two threads meet at one name and then at the other, again and again, and leave at once: each has to notice that the other
/// was there, however soon he is gone.
fn meetings() -> Result<()> {
    const ROUNDS: usize = 100;
    const PLACES: [&CStr; 2] = [c"/tmp/there", c"/tmp/back"];
    for place in PLACES {
        make(abi::__NR_mknodat, [HERE, text(place), (abi::S_IFIFO | 0o600) as usize, 0])?;
    }
    let meet = |place, access| open(place, access).and_then(close);
    let other = spawn(move || {
        for _ in 0..ROUNDS {
            equal("a meeting there", meet(PLACES[0], abi::O_RDONLY), Ok(0));
            equal("a meeting back", meet(PLACES[1], abi::O_WRONLY), Ok(0));
        }
    })?;
    for _ in 0..ROUNDS {
        meet(PLACES[0], abi::O_WRONLY)?;
        meet(PLACES[1], abi::O_RDONLY)?;
    }
    other.join();
    PLACES.into_iter().try_for_each(|place| unlink(place, 0).map(drop))
}
