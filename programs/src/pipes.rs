//! `pipes [N]`: two threads pass a number to and fro through two pipes, N round trips; each adds one.

use core::ffi::c_int;

use crate::runtime::print::println;
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Result, pipe, read, write};
use crate::runtime::thread::spawn;

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    let count = arguments.number(1).unwrap_or(1000) as u64;
    match play(count) {
        Ok(number) if number == 2 * count => {
            println!("pipes: {count} round trips");
            0
        }
        Ok(number) => {
            println!("pipes: {count} round trips made {number}");
            1
        }
        Err(error) => {
            println!("pipes: system call failed: {error:?}");
            1
        }
    }
}

fn play(count: u64) -> Result<u64> {
    let there = pipe()?;
    let back = pipe()?;
    let echo = spawn(move || {
        for _ in 0..count {
            // A failure here leaves the other side waiting, so it is said at once.
            if let Err(error) = receive(there[0]).and_then(|number| send(back[1], number + 1)) {
                println!("pipes: the second thread failed: {error:?}");
                return;
            }
        }
    })?;
    let mut number = 0;
    for _ in 0..count {
        send(there[1], number + 1)?;
        number = receive(back[0])?;
    }
    echo.join();
    Ok(number)
}

fn send(to: c_int, number: u64) -> Result<()> {
    assert_eq!(write(to, &number.to_le_bytes())?, 8, "bytes written");
    Ok(())
}

fn receive(from: c_int) -> Result<u64> {
    let mut bytes = [0; 8];
    assert_eq!(read(from, &mut bytes)?, 8, "bytes read");
    Ok(u64::from_le_bytes(bytes))
}
