//! `hello [ARGUMENT…]`: the program that runs when none is named. Says hello and shows its arguments.

use crate::runtime::print::println;
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{getpid, gettid};

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    println!("Hello from user mode.");
    println!("I am process {}, thread {}.", getpid(), gettid());
    for index in 0.. {
        match arguments.get(index) {
            Some(argument) => println!("argument {index}: {argument}"),
            None => break,
        }
    }
    0
}
