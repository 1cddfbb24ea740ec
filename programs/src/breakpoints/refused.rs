//! What a tracer may ask for, and what it is told instead.

use super::{
    BREAKPOINT, BREAKPOINTS, Checks, LOADS, PLAIN, STORES, WATCHPOINTS, at, breakpoint, data, end, hit, traced, watchpoint,
};
use crate::runtime::print::println;
use crate::runtime::ptrace::{Debug, Register, Traced};
use crate::runtime::syscall::{Errno, Result, errno};

pub(super) fn run(checks: &Checks) -> Result<()> {
    let traced = traced()?;
    let count = there_are(traced, checks)?;
    asked_for(traced, checks)?;
    kernels(traced, checks);
    sizes(traced, count, checks)?;
    // Nothing of that has left anything.
    breakpoint(traced, at(PLAIN))?;
    let status = traced.go_on(0)?;
    hit(traced, status, PLAIN, checks)?;
    end(traced)
}

/// How many; what an empty one reads as.
fn there_are(traced: Traced, checks: &Checks) -> Result<usize> {
    let (breakpoints, watchpoints) = (traced.debug(BREAKPOINTS)?, traced.debug(WATCHPOINTS)?);
    for state in [&breakpoints, &watchpoints] {
        checks.that("the version of what there is", (6..=15).contains(&(state.info >> 8)));
        checks.that("how many there are", (2..=16).contains(&(state.info & 0xff)));
        checks.that("what nobody set", state.registers.iter().all(|one| *one == Register::default()));
    }
    Ok((breakpoints.info & 0xff) as usize)
}

fn asked_for(traced: Traced, checks: &Checks) -> Result<()> {
    const USER: u32 = 0b10 << 1;
    let all = watchpoint(0xff, LOADS | STORES);
    // Given, and read back.
    for (kind, given, read) in [
        (BREAKPOINTS, (at(1), BREAKPOINT), (at(1), BREAKPOINT | USER)),
        (BREAKPOINTS, (at(1), BREAKPOINT | 0b01 << 1), (at(1), BREAKPOINT | USER)),
        (BREAKPOINTS, (at(1), 0), (at(1), 0xf << 5 | USER)),
        (BREAKPOINTS, (at(1), watchpoint(0xf0, 0)), (at(2), BREAKPOINT | USER)),
        (WATCHPOINTS, (data() + 4, watchpoint(0xf, STORES)), (data(), watchpoint(0xf0, STORES) | USER)),
        (WATCHPOINTS, (data(), all), (data(), all | USER)),
        (WATCHPOINTS, (data(), watchpoint(0x6, LOADS)), (data(), watchpoint(0x6, LOADS) | USER)),
        (WATCHPOINTS, (data(), 0), (data(), watchpoint(0x3, LOADS) & !1 | USER)),
    ] {
        set(traced, kind, given)?;
        let Register { address, control, .. } = traced.debug(kind)?.registers[0];
        if (address, control) != read {
            println!("breakpoints: {given:x?} reads {address:x} {control:x}, not {read:x?}");
            checks.wrong();
        }
    }
    for (what, kind, address, control) in [
        ("a breakpoint of loads", BREAKPOINTS, at(1), BREAKPOINT | LOADS),
        ("a breakpoint of no bytes", BREAKPOINTS, at(1), 1),
        ("a watchpoint of instructions", WATCHPOINTS, data(), watchpoint(0xff, 0)),
        ("a watchpoint of no bytes", WATCHPOINTS, data(), watchpoint(0, LOADS)),
        ("a watchpoint of bytes apart", WATCHPOINTS, data(), watchpoint(0x5, LOADS)),
        ("a watchpoint over two words", WATCHPOINTS, data() + 6, watchpoint(0xf, LOADS)),
    ] {
        checks.that(what, set(traced, kind, (address, control)) == Err(Errno(errno::EINVAL)));
    }
    set(traced, BREAKPOINTS, (0, 0))?;
    set(traced, WATCHPOINTS, (0, 0))
}

/// No address is the kernel's, whatever the rest says.
fn kernels(traced: Traced, checks: &Checks) {
    for address in [0xffff_ffc0_4020_0000, 0xffff_8000_0000_0000, u64::MAX - 7, !3, 1 << 60] {
        for (kind, control) in [(BREAKPOINTS, BREAKPOINT), (BREAKPOINTS, 0), (WATCHPOINTS, watchpoint(0xff, STORES))] {
            let refused = set(traced, kind, (address, control)) == Err(Errno(errno::EINVAL));
            checks.that("a kernel address", refused);
        }
    }
}

fn sizes(traced: Traced, count: usize, checks: &Checks) -> Result<()> {
    let all = Debug { registers: [Register::new(at(1), 0); 16], ..Debug::default() };
    checks.that("as many as there are", traced.set_debug(BREAKPOINTS, &all, count).is_ok());
    if count < 16 {
        let more = traced.set_debug(BREAKPOINTS, &all, 16);
        checks.that("more than there are", more == Err(Errno(errno::ENOSPC)));
    }
    for (bytes, result) in [(8 + 4, Err(Errno(errno::EINVAL))), (8 + 8, Ok(())), (8 + 12, Ok(())), (10, Err(Errno(errno::EINVAL)))] {
        checks.that("a part of the state", traced.set_part(BREAKPOINTS, &all, bytes) == result);
    }
    Ok(())
}

fn set(traced: Traced, kind: usize, (address, control): (u64, u32)) -> Result<()> {
    traced.set_debug(kind, &Debug::one(address, control), 1)
}
