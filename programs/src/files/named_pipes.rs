//! Named pipes: where threads that open them meet.

use core::ffi::CStr;

use super::calls::{HERE, close, equal, make, open, read, refused, text, unlink, write};
use crate::runtime::syscall::{Result, abi, errno};
use crate::runtime::thread::spawn;

/// One thread says something to another, and two meet and leave.
pub fn try_all() -> Result<()> {
    hello()?;
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
