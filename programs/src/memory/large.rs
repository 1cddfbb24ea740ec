//! Much of it: a megabyte of stack, as many mappings as there may be, and one that is larger than the machine's memory.

use core::time::Duration;

use super::{Checks, PAGE, PRIVATE, READ, SHARED, WRITE, child, load, map, plain, remap, store, unmap};
use crate::runtime::clock::now;
use crate::runtime::syscall::{Result, abi, errno};

pub(super) fn large(checks: &mut Checks) -> Result<()> {
    checks.that("a large stack", child(|| deep(1 << 20))? == 0);
    checks.refused("mmap of everything", map(0, usize::MAX, READ, SHARED), errno::ENOMEM);
    checks.that("at the limit of mappings", child(|| at_the_limit().unwrap_or(9))? == 0);
    let reserved = map(0, 64 << 30, abi::PROT_NONE, PRIVATE)?;
    let begun = now();
    let moved = remap(reserved, 64 << 30, 65 << 30, abi::MREMAP_MAYMOVE, 0)?;
    checks.that("moving what is not there", now() - begun < Duration::from_secs(1));
    unmap(moved, 65 << 30)?;
    Ok(())
}

/// As many mappings as there may be: what makes one more fails, and loses nothing.
fn at_the_limit() -> Result<u8> {
    const MANY: usize = 20_000;
    let room = map(0, MANY * PAGE, abi::PROT_NONE, PRIVATE)?;
    unmap(room, MANY * PAGE)?;
    let two = map(0, 2 * PAGE, WRITE, PRIVATE)?;
    store(two, 7);
    // Neighbours that differ, so that they stay apart.
    let one = |number: usize| {
        let protection = if number.is_multiple_of(2) { READ } else { abi::PROT_NONE };
        map(room + number * PAGE, PAGE, protection, PRIVATE | abi::MAP_FIXED_NOREPLACE)
    };
    let refused = (0..MANY).map(one).position(|result| result.is_err()).unwrap_or(0);
    let is_full = refused > 16_000;
    let hole = plain(abi::__NR_munmap, [room + PAGE, PAGE]).is_ok() && one(1).is_ok();
    unmap(room, PAGE)?;
    let moved = remap(two, PAGE, 3 * PAGE, abi::MREMAP_MAYMOVE, 0);
    let is_kept = load(two) == 7;
    Ok(u8::from(!is_full) | u8::from(!hole) << 1 | u8::from(moved.is_ok()) << 2 | u8::from(!is_kept) << 3)
}

#[inline(never)]
fn deep(bytes: usize) -> u8 {
    let frame = core::hint::black_box([1_u8; 1024]);
    if bytes > frame.len() { deep(bytes - frame.len()) } else { frame[0] - 1 }
}
