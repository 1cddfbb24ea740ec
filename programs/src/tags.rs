//! `tags`: memory tagging. Which accesses fault, when and how the program hears of it, and whose tags stay with whom. Where there
//! are no tags it says so, and checks that everything is refused. `tags kernel`: the kernel's own accesses.

mod cases;
mod faults;
mod memory;

use crate::runtime::print::println;
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Errno, Result, abi, call, check, errno};
use crate::runtime::test_calls;
use crate::runtime::tests::Checks;

const PAGE: usize = 4096;
const WRITE: u32 = abi::PROT_READ | abi::PROT_WRITE;
const TAGGED: u32 = WRITE | abi::PROT_MTE;
const PRIVATE: u32 = abi::MAP_PRIVATE | abi::MAP_ANONYMOUS;
const SHARED: u32 = abi::MAP_SHARED | abi::MAP_ANONYMOUS;

const PR_SET_TAGGED_ADDR_CTRL: usize = 55;
const PR_GET_TAGGED_ADDR_CTRL: usize = 56;
const ENABLE: usize = 1;
const SYNC: usize = 1 << 1;
const ASYNC: usize = 1 << 2;
const INCLUDED_SHIFT: usize = 3;
/// IRG makes every tag but zero.
const ANY_TAG: usize = 0xfffe << INCLUDED_SHIFT;

/// The program.
pub fn main(arguments: Arguments) -> u8 {
    let mut checks = Checks::of("tags");
    let result = match arguments.get(1) {
        Some("kernel") => kernel(&mut checks),
        _ if control(ENABLE | SYNC).is_ok() => {
            checks.that("what the CPU is said to have", capabilities(arguments) == MTE | MTE3);
            cases::run(&mut checks)
        }
        _ => {
            checks.that("what the CPU is said not to have", capabilities(arguments) == 0);
            refusals(&mut checks)
        }
    };
    checks.end(result)
}

/// HWCAP2_MTE, HWCAP2_MTE3.
const MTE: usize = 1 << 18;
const MTE3: usize = 1 << 22;

fn capabilities(arguments: Arguments) -> usize {
    const AT_HWCAP2: usize = 26;
    arguments.auxiliary(AT_HWCAP2).unwrap_or(0) & (MTE | MTE3)
}

fn plain<const N: usize>(number: u32, arguments: [usize; N]) -> Result<usize> {
    let mut six = [0; 6];
    six[..N].copy_from_slice(&arguments);
    // SAFETY: memory that is changed here was mapped here, and is used through raw pointers only.
    check(unsafe { call(number, six) })
}

fn control(wanted: usize) -> Result<usize> {
    plain(abi::__NR_prctl, [PR_SET_TAGGED_ADDR_CTRL, wanted])
}

fn asked() -> Result<usize> {
    plain(abi::__NR_prctl, [PR_GET_TAGGED_ADDR_CTRL])
}

fn map(size: usize, protection: u32, flags: u32) -> Result<usize> {
    plain(abi::__NR_mmap, [0, size, protection as usize, flags as usize, usize::MAX, 0])
}

fn unmap(address: usize, size: usize) -> Result<usize> {
    plain(abi::__NR_munmap, [address, size])
}

fn protect(address: usize, size: usize, protection: u32) -> Result<usize> {
    plain(abi::__NR_mprotect, [address, size, protection as usize])
}

/// No tags: whoever asks for them is told, but for `mmap`, which ignores what it does not know.
fn refusals(checks: &mut Checks) -> Result<()> {
    println!("tags: no MTE");
    checks.that("what is asked for without a word", asked()? == 0);
    for wanted in [SYNC, ASYNC, SYNC | ASYNC | ENABLE, 2 << INCLUDED_SHIFT] {
        checks.refused("checks where there are no tags", control(wanted), errno::EINVAL);
    }
    control(ENABLE)?;
    checks.that("tagged addresses where there are no tags", asked()? == ENABLE);
    let room = map(PAGE, TAGGED, PRIVATE)?;
    checks.refused("memory with tags where there are none", protect(room, PAGE, TAGGED), errno::EINVAL);
    cases::tagged_addresses(checks)?;
    unmap(room, PAGE)?;
    Ok(())
}

/// Where the kernel notices that it has stored to what has another tag: on its way back, in a task switch, in an interrupt. Each
/// time once, unless a tick notices before.
fn kernel(checks: &mut Checks) -> Result<()> {
    let all = || (0..3).map(test_calls::kernel_tag_faults).sum::<Result<usize>>();
    let before = all()?;
    let mut made = 0;
    for (place, what) in [(0, "the exit"), (1, "the task switch"), (2, "the interrupt")] {
        let noticed = test_calls::kernel_tag_faults(place)?;
        let is_noticed = (0..50).any(|_| {
            made += 1;
            test_calls::store_mistagged(place).is_ok()
                && test_calls::kernel_tag_faults(place).is_ok_and(|now| now > noticed)
        });
        checks.that(what, is_noticed);
    }
    checks.that("each access", all()? == before + made);
    Ok(())
}
