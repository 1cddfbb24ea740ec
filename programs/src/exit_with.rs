//! `exit-with STATUS`: ends with that exit status.

use crate::runtime::print::println;
use crate::runtime::start::Arguments;

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    match arguments.number(1).map(u8::try_from) {
        Some(Ok(status)) => {
            println!("exit-with: ending with status {status}");
            status
        }
        _ => {
            println!("usage: exit-with STATUS, 0 to 255");
            2
        }
    }
}
