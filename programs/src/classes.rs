//! `classes`: takes a synchronous exception of each class that there can be, and an abort of each kind, also those that no CPU of QEMU's
//! has, and looks at the signal that comes of it. Only the reference kernel can have that done, and only behind the shim.

use core::arch::naked_asm;

use crate::faults::taken::{self, Taken};
use crate::runtime::print::println;
use crate::runtime::process::{fork_and_stand_still, wait};
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Errno, Result, abi, errno, stay_on_first_cpu};
use crate::runtime::tests::Checks;

/// The program.
pub fn main(_: Arguments) -> u8 {
    let mut checks = Checks::of("classes");
    let result = check(&mut checks);
    checks.end(result)
}

fn check(checks: &mut Checks) -> Result<()> {
    stay_on_first_cpu()?;
    taken::prepare()?;
    if exception(of_class(UNKNOWN)).0.cast_signed() == -(errno::ENODEV as isize) {
        println!("classes: no shim");
        return Err(Errno(errno::ENODEV));
    }
    (0..64).filter(|class| !OTHERS.contains(class)).for_each(|class| told(checks, of_class(class), of_any(class)));
    for (flags, code) in FLOATING_POINT {
        told(checks, of_class(0x2c) | flags, Told { signal: abi::SIGFPE, code, address: Address::Instruction });
    }
    for status in 0..64 {
        for class in [INSTRUCTION_ABORT, DATA_ABORT] {
            match of_abort(status) {
                Some(wanted) => told(checks, of_class(class) | status, wanted),
                None => dies(checks, of_class(class) | status)?,
            }
        }
    }
    told(checks, of_class(DATA_ABORT) | NO_ADDRESS | EXTERNAL, Told { address: Address::None, ..MEMORY_ERROR });
    DEBUG.into_iter().try_for_each(|class| lives(checks, of_class(class)))
}

const UNKNOWN: usize = 0x00;
const INSTRUCTION_ABORT: usize = 0x20;
const DATA_ABORT: usize = 0x24;
/// A debugger's: nobody has asked for them here.
const DEBUG: [usize; 4] = [0x30, 0x32, 0x34, 0x3c];
/// These, aborts, SVC, and a memory copy, which is begun anew, are not told by their class.
const OTHERS: [usize; 8] = [0x15, INSTRUCTION_ABORT, DATA_ABORT, 0x27, DEBUG[0], DEBUG[1], DEBUG[2], DEBUG[3]];

/// FnV, and the status that has it.
const NO_ADDRESS: usize = 1 << 10;
const EXTERNAL: usize = 0x10;

/// Nothing is mapped there.
const NOWHERE: u64 = 0x10;

/// ESR_EL1 of this class, of an instruction of 32 bits.
const fn of_class(class: usize) -> usize {
    class << 26 | 1 << 25
}

/// The gravest of several is told, if the CPU says that it has told which: TFV, then IOF, DZF, OFF, UFF, IXF.
const FLOATING_POINT: [(usize, u32); 6] = [
    (1 << 23 | 0b1_1111, abi::FPE_FLTINV),
    (1 << 23 | 0b1_1110, abi::FPE_FLTDIV),
    (1 << 23 | 0b1_1100, abi::FPE_FLTOVF),
    (1 << 23 | 0b1_1000, abi::FPE_FLTUND),
    (1 << 23 | 0b1_0000, abi::FPE_FLTRES),
    (0b1_1111, abi::FPE_FLTUNK),
];

/// What a signal must say.
#[derive(Clone, Copy)]
struct Told {
    signal: u32,
    code: u32,
    address: Address,
}

#[derive(Clone, Copy)]
enum Address {
    Instruction,
    StackPointer,
    Nowhere,
    None,
}

const MEMORY_ERROR: Told = Told { signal: abi::SIGBUS, code: abi::BUS_OBJERR, address: Address::Nowhere };

fn of_any(class: usize) -> Told {
    let (signal, code, address) = match class {
        0x1c => (abi::SIGILL, abi::ILL_ILLOPN, Address::Instruction),
        0x22 => (abi::SIGBUS, abi::BUS_ADRALN, Address::Instruction),
        0x26 => (abi::SIGBUS, abi::BUS_ADRALN, Address::StackPointer),
        0x2c => (abi::SIGFPE, abi::FPE_FLTUNK, Address::Instruction),
        _ => (abi::SIGILL, abi::ILL_ILLOPC, Address::Instruction),
    };
    Told { signal, code, address }
}

/// Nothing: the program is killed, because the kernel's tables or its memory are not as they should be.
fn of_abort(status: usize) -> Option<Told> {
    let of = |signal, code| Some(Told { signal, code, address: Address::Nowhere });
    match status {
        0x04..=0x0f => of(abi::SIGSEGV, abi::SEGV_MAPERR),
        0x11 => of(abi::SIGSEGV, abi::SEGV_MTESERR),
        0x21 => of(abi::SIGBUS, abi::BUS_ADRALN),
        0x10 | 0x18 | 0x35 => Some(MEMORY_ERROR),
        _ => None,
    }
}

fn told(checks: &mut Checks, syndrome: usize, told: Told) {
    let (_, seen) = exception(syndrome);
    let address = match told.address {
        Address::Instruction => taken::program_counter(),
        Address::StackPointer => taken::stack_pointer(),
        Address::Nowhere => NOWHERE,
        Address::None => 0,
    };
    let is_right = (seen.signal, seen.code, seen.address) == (told.signal, told.code, address);
    checks.note(is_right, format_args!("syndrome {syndrome:#x}: {seen:x?}"));
}

fn dies(checks: &mut Checks, syndrome: usize) -> Result<()> {
    let status = in_child(syndrome)?;
    checks.note(status == abi::SIGKILL as i32, format_args!("syndrome {syndrome:#x}: {status:x}"));
    Ok(())
}

/// The program goes on, told or not.
fn lives(checks: &mut Checks, syndrome: usize) -> Result<()> {
    let status = in_child(syndrome)?;
    let is_right = [0, abi::SIGTRAP as i32].contains(&(status >> 8)) && status & 0xff == 0;
    checks.note(is_right, format_args!("syndrome {syndrome:#x}: {status:x}"));
    Ok(())
}

/// How a child ends that takes it; the signal that it was told is its status. Whoever is in user mode on this CPU next takes it: that must
/// not be this program.
fn in_child(syndrome: usize) -> Result<i32> {
    let child = fork_and_stand_still(|| exception(syndrome).1.signal as u8)?;
    wait(child as isize, 0).map(|(_, status)| status)
}

/// What comes of an exception with this syndrome; the result of the call that asks for it, if it goes on.
fn exception(syndrome: usize) -> (usize, Taken) {
    Taken::of(synchronous, syndrome)
}

/// `synchronous(syndrome, fault_address, instruction)`, number 0x1103: this CPU takes a synchronous exception in place of the n-th next
/// instruction, which is the second of these two. The result is 0, or ENODEV.
///
/// # Safety
/// It is called by [`Taken::of`].
#[unsafe(naked)]
unsafe extern "C" fn synchronous(_: usize) -> usize {
    naked_asm!("mov x9, sp", "mov x1, {nowhere}", "mov x2, 1", "mov x8, 0x1103", "svc 0", "nop", "ret", nowhere = const NOWHERE)
}
