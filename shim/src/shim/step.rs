//! EL1 and EL0, one instruction at a time: software steps that EL2 takes (MDCR_EL2.TDE), so that no mask of EL1's keeps them
//! away. They stop before the first instruction of a vector too, and after ERET.
//!
//! What EL1 has in MDSCR_EL1 meanwhile is kept here, and its accesses to debug registers, which TDE traps, are made for it. A
//! BRK, breakpoint or watchpoint of its own would come to EL2 as well: the count ends there, and EL1 takes it itself.
//! An exclusive load and store are not finished if each is stepped: who is counted is compiled without (LSE atomics).

use core::arch::asm;

use shim::Place;

use super::cpu::{Asked, Cpu};
use super::interrupts::Withheld;
use super::registers::{read, write};
use super::request;
use super::vectors::{self, Frame};

/// MDCR_EL2.TDE: EL1's debug exceptions come to EL2.
const TDE: u64 = 1 << 8;
/// MDSCR_EL1.SS.
const SS: u64 = 1;
/// HCR_EL2.TWI: EL1's WFI is trapped.
const TWI: u64 = 1 << 13;

/// Instructions that are counted.
pub struct Count {
    /// Those of EL1 or those of EL0.
    level: u64,
    counted: u64,
    wanted: u64,
    /// EL1's own MDSCR_EL1.
    mdscr: u64,
}

/// Counts from here on, until the CPU stands where it is wanted.
pub fn begin(cpu: &mut Cpu, place: Place, wanted: u64) {
    let level = if place == Place::User { 0 } else { 1 };
    let mdscr = read!("mdscr_el1");
    cpu.count = Some(Count { level, counted: 0, wanted, mdscr });
    write!("mdscr_el1", mdscr | SS);
    write!("mdcr_el2", read!("mdcr_el2") | TDE);
    vectors::set_step(true);
}

/// Counts no more; how many there were.
pub fn end(cpu: &mut Cpu) -> u64 {
    let Some(count) = cpu.count.take() else { return 0 };
    write!("mdscr_el1", count.mdscr);
    write!("mdcr_el2", read!("mdcr_el2") & !TDE);
    vectors::set_step(false);
    count.counted
}

/// EL1 or EL0 has executed one instruction, or has been taken to a vector.
pub fn stepped(cpu: &mut Cpu) {
    if let Some(withheld) = cpu.withheld.take() {
        withheld.give_back();
        end(cpu);
        return;
    }
    let Some(count) = &mut cpu.count else { return };
    let is_there = vectors::interrupted_level() == count.level;
    count.counted += u64::from(is_there);
    if !is_there || count.counted < count.wanted {
        vectors::set_step(true);
    } else if count.level == 0 && matches!(cpu.asked, Some(Asked::Error(_))) {
        // An interrupt would be taken first, and the SError come in its handler. The next stop is at the SError's vector.
        cpu.withheld = Some(Withheld::now());
        request::bring_asked(cpu);
        vectors::set_step(true);
    } else {
        end(cpu);
        request::bring_asked(cpu);
    }
}

/// EL1 has a debug exception of its own, and takes it when it is back.
pub fn disturbed(cpu: &mut Cpu) {
    end(cpu);
    cpu.asked = None;
    cpu.disturbed = true;
}

/// EL1's next WFI comes to EL2, or does not.
pub fn trap_wfi(on: bool) {
    let others = read!("hcr_el2") & !TWI;
    write!("hcr_el2", if on { others | TWI } else { others });
}

/// EL1's access to a debug register, which was trapped with this syndrome.
pub fn access(cpu: &mut Cpu, frame: &mut Frame, syndrome: u64) {
    let field = |low: u32, bits: u32| syndrome >> low & ((1 << bits) - 1);
    let (reads, register) = (syndrome & 1 != 0, field(5, 5) as usize);
    let (op0, op1, crn, crm, op2) = (field(20, 2), field(14, 3), field(10, 4), field(1, 4), field(17, 3));
    // Register 31 is XZR.
    let value = frame.x.get(register).copied().unwrap_or(0);
    let result = match (&mut cpu.count, (op0, op1, crn, crm, op2)) {
        (Some(count), (2, 0, 0, 2, 2)) => {
            count.mdscr = if reads { count.mdscr } else { value };
            count.mdscr
        }
        _ => {
            let encoding = op0 << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5;
            execute(0xd500_0000 | u64::from(reads) << 21 | encoding, value)
        }
    };
    if let (true, Some(to)) = (reads, frame.x.get_mut(register)) {
        *to = result;
    }
    vectors::skip();
}

/// Executes an MSR or MRS with X0 as its register.
fn execute(instruction: u64, x0: u64) -> u64 {
    /// In one line of any cache.
    #[repr(align(64))]
    struct Code([u32; 2]);
    const RET: u32 = 0xd65f_03c0;

    let code = Code([instruction as u32, RET]);
    let result;
    // SAFETY: two instructions, which the barriers let the CPU see; what the first does is what EL1 was about to do.
    unsafe {
        asm!(
            "dc cvau, {code}",
            "dsb ish",
            "ic ivau, {code}",
            "dsb ish",
            "isb",
            "blr {code}",
            code = in(reg) &raw const code.0,
            inout("x0") x0 => result,
            out("x30") _,
        );
    }
    result
}
