//! Backtraces, through exceptions and from stack to stack: from any context, also of code that was interrupted with
//! everything masked.
//!
//! Frame records are a chain of (X29, X30) in memory. Nothing of it is trusted: each is looked at only if the CPU says that it is mapped.

use core::arch::asm;

use vestibule_arm64::Frame;

use crate::registers::{read_register, write_register};
use crate::stacks::STACK_SIZE;
use crate::symbols::Place;
use crate::{layout, println};

/// A kernel stack holds fewer.
const DEEPEST: usize = STACK_SIZE / 16;
/// How far above an entry function's frame record the exception's frame may lie.
const ENTRY_FRAME: u64 = 1024;

/// Prints who called whom, beginning with the interrupted code.
pub fn print(frame: &Frame) {
    if frame.from_user() {
        return println!("  in user mode at {:#x}", frame.pc);
    }
    println!("  {}", Place(frame.pc));
    print_from(frame.regs[29]);
}

/// Prints who called whom, beginning with who called the function that this is in. Inlined: the record it begins with is of a
/// function that is not left meanwhile.
#[inline(always)]
pub fn print_here() {
    let record;
    // SAFETY: only reads.
    unsafe { asm!("mov {}, x29", out(reg) record, options(nomem, nostack, preserves_flags)) };
    print_from(record);
}

fn print_from(mut record: u64) {
    let mut lines = Lines { last: 0, again: 0 };
    for _ in 0..DEEPEST {
        let Some([next, return_address]) = read(record) else { break };
        if !is_text(return_address) {
            break;
        }
        lines.print(return_address - 4);
        record = match interrupted(record, next, return_address) {
            Some(frame) if frame.from_user() => {
                lines.end();
                return println!("  --- from user mode at {:#x}", frame.pc);
            }
            Some(frame) => {
                lines.end();
                println!("  --- exception, pstate {:#x}", frame.pstate);
                lines.print(frame.pc);
                next
            }
            None => next,
        };
    }
    lines.end();
}

/// Lines of a backtrace. One that comes again and again is printed once: who calls itself too often fills no report with that.
struct Lines {
    last: u64,
    again: usize,
}

impl Lines {
    fn print(&mut self, address: u64) {
        if address == self.last {
            self.again += 1;
            return;
        }
        self.end();
        self.last = address;
        println!("  {}", Place(address));
    }

    fn end(&mut self) {
        if self.again > 0 {
            println!("  the same {} more times", self.again);
        }
        *self = Lines { last: 0, again: 0 };
    }
}

/// The frame of the exception whose entry function's record this is: the vector has made it just above, of code whose X29 the
/// record holds.
fn interrupted(record: u64, next: u64, return_address: u64) -> Option<&'static Frame> {
    if !layout::entry_text().contains(&(return_address as usize)) {
        return None;
    }
    (record + 16..record + ENTRY_FRAME).step_by(16).find_map(|address| {
        is_mapped(address + size_of::<Frame>() as u64 - 8).then_some(())?;
        is_mapped(address).then_some(())?;
        // SAFETY: mapped and aligned, and any bytes are a frame; whoever runs above does not come back meanwhile.
        let frame = unsafe { &*(address as *const Frame) };
        let is_at_top = (address as usize + size_of::<Frame>()).is_multiple_of(STACK_SIZE);
        // The vector has cleared user mode's registers, X29 too.
        let is_one = if frame.from_user() {
            is_at_top && next == 0
        } else {
            // The stack that it interrupted goes on above it.
            frame.sp == address + size_of::<Frame>() as u64 && frame.regs[29] == next && is_text(frame.pc)
        };
        is_one.then_some(frame)
    })
}

fn read(record: u64) -> Option<[u64; 2]> {
    let is_there = record.is_multiple_of(8) && is_mapped(record) && is_mapped(record + 8);
    // SAFETY: aligned and mapped; it is only read, and what is there may be anything.
    is_there.then(|| unsafe { *(record as *const [u64; 2]) })
}

fn is_text(address: u64) -> bool {
    layout::image().text.contains(&(address as usize))
}

/// Asks the CPU, of what may be a stack. An NMI that asks too comes in the middle of it, and leaves PAR_EL1 as it was.
fn is_mapped(address: u64) -> bool {
    if !layout::is_stack(address as usize) {
        return false;
    }
    let before = read_register!("par_el1");
    // SAFETY: translates an address; nothing is accessed.
    unsafe { asm!("at s1e1r, {}", "isb", in(reg) address, options(nostack, preserves_flags)) };
    let translated = read_register!("par_el1");
    // SAFETY: it only holds results.
    unsafe { write_register!("par_el1", before) };
    translated & 1 == 0
}
