//! Tracers that ask for anything at any time, of children that make calls with random arguments.

use super::arguments::Places;
use super::calls::{self, fork, interrupt_often, plain};
use super::random::Random;
use crate::runtime::syscall::{abi, exit_group};

/// How many requests a tracer makes.
const REQUESTS: usize = 80;

const ATTACH: usize = 16;
const CONT: usize = 7;
const SYSCALL: usize = 24;
const GETREGSET: usize = 0x4204;
const SETREGSET: usize = 0x4205;
/// Those that there are: memory, going on one way or another, options, information, registers.
const KNOWN: [usize; 22] = [
    0, 1, 2, 4, 5, CONT, 8, 9, ATTACH, 17, SYSCALL, 0x4200, 0x4201, 0x4202, 0x4203, GETREGSET, SETREGSET, 0x4206, 0x4207,
    0x4208, 0x420a, 0x420e,
];
/// Sets of registers: general, FP, what waits for what, thread pointer, the call's number, and none.
const SETS: [usize; 7] = [1, 2, 0x402, 0x403, 0x401, 0x404, 0];

/// Traces a child, which makes calls until it has made enough or is told something else.
pub fn trace(random: &mut Random) {
    let Some(places) = Places::new() else { exit_group(0) };
    let child = fork();
    if child == 0 {
        interrupt_often();
        calls::make_many(random);
        exit_group(0);
    }
    let child = child as usize;
    plain(abi::__NR_ptrace, [ATTACH, child]);
    for _ in 0..REQUESTS {
        places.fill(random);
        let mut status = 0_u32;
        let options = if random.one_in(3) { 0 } else { abi::WNOHANG as usize };
        plain(abi::__NR_wait4, [child, &raw mut status as usize, options]);
        let [request, address, data] = request(random, &places);
        plain(abi::__NR_ptrace, [request, child, address, data]);
    }
}

fn request(random: &mut Random, places: &Places) -> [usize; 3] {
    let request = match random.below(8) {
        0 => places.argument(random),
        1 => CONT,
        2 => SYSCALL,
        3 => GETREGSET,
        4 => SETREGSET,
        _ => random.of(&KNOWN),
    };
    let is_of_registers = request == GETREGSET || request == SETREGSET;
    let address = if is_of_registers && !random.one_in(8) { random.of(&SETS) } else { places.argument(random) };
    // A signal is mostly none: the child would die of nearly every other.
    let data = if (request == CONT || request == SYSCALL) && !random.one_in(8) { 0 } else { places.argument(random) };
    [request, address, data]
}
