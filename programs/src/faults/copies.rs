//! Memory copy and set: from the first of the three instructions on, and from where no program should begin, with registers as a CPU of
//! the other kind would have left them. Whatever this CPU makes of that, the kernel has it come out right.

use core::arch::naked_asm;

use super::taken::{Function, Taken};
use super::{Capabilities, Checks};
use crate::runtime::syscall::{Result, abi, mmap, munmap};

/// MOPS, a bit of AT_HWCAP2.
const MOPS: u32 = 43;

/// Carry: the registers are in the format of option B. Negative: from the end on.
const OPTION_A: u64 = 0;
const OPTION_B: u64 = 1 << 29;
const FROM_END: u64 = 1 << 31;

/// What the instructions work on, in X10 to X13; what they leave there.
#[repr(C)]
#[derive(Clone, Copy)]
struct Registers {
    to: usize,
    from: usize,
    size: usize,
    flags: u64,
}

macro_rules! operations {
    ($($name:ident: $enter:literal, $first:literal, $second:literal, $third:literal;)*) => {
        $(
            #[unsafe(naked)]
            unsafe extern "C" fn $name(_: usize) -> usize {
                naked_asm!(
                    ".arch_extension mops",
                    "mov x9, sp",
                    "ldp x10, x11, [x0]",
                    "ldp x12, x13, [x0, 16]",
                    "msr nzcv, x13",
                    $enter,
                    concat!("2: ", $first),
                    concat!("3: ", $second),
                    concat!("4: ", $third),
                    "str x12, [x0, 16]",
                    "ret",
                )
            }
        )*
    };
}

operations! {
    copy: "b 2f", "cpyp [x10]!, [x11]!, x12!", "cpym [x10]!, [x11]!, x12!", "cpye [x10]!, [x11]!, x12!";
    copy_second: "b 3f", "cpyp [x10]!, [x11]!, x12!", "cpym [x10]!, [x11]!, x12!", "cpye [x10]!, [x11]!, x12!";
    copy_third: "b 4f", "cpyp [x10]!, [x11]!, x12!", "cpym [x10]!, [x11]!, x12!", "cpye [x10]!, [x11]!, x12!";
    set: "b 2f", "setp [x10]!, x12!, x11", "setm [x10]!, x12!, x11", "sete [x10]!, x12!, x11";
    set_second: "b 3f", "setp [x10]!, x12!, x11", "setm [x10]!, x12!, x11", "sete [x10]!, x12!, x11";
    set_third: "b 4f", "setp [x10]!, x12!, x11", "setm [x10]!, x12!, x11", "sete [x10]!, x12!, x11";
}

/// More than a page, and not in whole words.
const SIZE: usize = 3 * 4096 + 77;
const MEMORY: usize = 8 * 4096;

/// How the registers are that an operation begins with: the format, and whether both pointers lie at the end.
type Begin = (u64, bool);

/// Where from and where to: what overlaps is copied from one end on, or is wrong.
type Way = (usize, usize);
const UP: Way = (4096 - 16, 4096);
const DOWN: Way = (4096, 4096 - 16);

/// In option A, what is left is less than zero where a copy goes on from its start, whose pointers lie at the end.
const COPIES: &[(&str, Function, Begin, Way)] = &[
    ("a copy down", copy, (OPTION_A, false), DOWN),
    ("a copy up", copy, (OPTION_A, false), UP),
    ("a copy down from its second instruction on, by option B", copy_second, (OPTION_B, false), DOWN),
    ("a copy down from its third instruction on, by option B", copy_third, (OPTION_B, false), DOWN),
    ("a copy up from its second instruction on, by option B", copy_second, (OPTION_B | FROM_END, true), UP),
    ("a copy up from its third instruction on, by option B", copy_third, (OPTION_B | FROM_END, true), UP),
    ("a copy down from its second instruction on, by option A", copy_second, (OPTION_A, true), DOWN),
    ("a copy down from its third instruction on, by option A", copy_third, (OPTION_A, true), DOWN),
    ("a copy up from its second instruction on, by option A", copy_second, (OPTION_A, false), UP),
    ("a copy up from its third instruction on, by option A", copy_third, (OPTION_A, false), UP),
];

const SETS: &[(&str, Function, Begin)] = &[
    ("a set", set, (OPTION_A, false)),
    ("a set from its second instruction on, by option B", set_second, (OPTION_B, false)),
    ("a set from its third instruction on, by option B", set_third, (OPTION_B, false)),
    ("a set from its second instruction on, by option A", set_second, (OPTION_A, true)),
    ("a set from its third instruction on, by option A", set_third, (OPTION_A, true)),
];

pub fn check(checks: &mut Checks, capabilities: &Capabilities) -> Result<()> {
    if !capabilities.has(1, MOPS) {
        let taken = Taken::call(copy, &raw const NOTHING as usize);
        checks.equal("a copy that is not there", (taken.signal, taken.code), (abi::SIGILL, abi::ILL_ILLOPC));
        return Ok(());
    }
    for &(what, function, begin, (from, to)) in COPIES {
        with_memory(|memory| {
            let wanted = |at: usize| if (to..to + SIZE).contains(&at) { byte(at - to + from) } else { byte(at) };
            let registers = Registers { to: memory + to, from: memory + from, size: SIZE, flags: 0 };
            checks.equal(what, run(function, registers, begin, true, wanted, memory), (Taken::default(), 0, None));
        })?;
    }
    for &(what, function, begin) in SETS {
        with_memory(|memory| {
            let wanted = |at: usize| if (100..100 + SIZE).contains(&at) { 0xa5 } else { byte(at) };
            let registers = Registers { to: memory + 100, from: 0xa5, size: SIZE, flags: 0 };
            checks.equal(what, run(function, registers, begin, false, wanted, memory), (Taken::default(), 0, None));
        })?;
    }
    Ok(())
}

static NOTHING: Registers = Registers { to: 0, from: 0, size: 0, flags: 0 };

/// What memory holds before.
fn byte(at: usize) -> u8 {
    (at * 31 + at / 256) as u8
}

/// Gives `body` some memory, full of [`byte`]s.
fn with_memory(body: impl FnOnce(usize)) -> Result<()> {
    let memory = mmap(MEMORY)?;
    // SAFETY: fresh memory, which nobody uses afterwards.
    unsafe {
        (0..MEMORY).for_each(|at| memory.add(at).write(byte(at)));
        body(memory as usize);
        munmap(memory, MEMORY)
    }
}

/// What signal came of it, how much is left, and the first byte that is wrong.
fn run(
    function: Function,
    mut registers: Registers,
    (flags, at_end): Begin,
    copies: bool,
    wanted: impl Fn(usize) -> u8,
    memory: usize,
) -> (Taken, usize, Option<usize>) {
    registers.flags = flags;
    if at_end {
        registers.to += registers.size;
        registers.from += if copies { registers.size } else { 0 };
        if flags == OPTION_A {
            registers.size = registers.size.wrapping_neg();
        }
    }
    let taken = Taken::call(function, &raw mut registers as usize);
    // SAFETY: written above, and as bytes.
    let is_wrong = |at: &usize| unsafe { (memory as *const u8).add(*at).read_volatile() } != wanted(*at);
    (taken, registers.size, (0..MEMORY).find(is_wrong))
}
