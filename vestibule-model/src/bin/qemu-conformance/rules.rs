//! Changes of the CPU's rules: what QEMU does otherwise, and mistakes.

use vestibule_model::cpu::{A, Cpu, D, F, I, Level};

/// What the CPU does differently.
#[derive(Clone, Copy)]
pub struct Rule {
    pub name: &'static str,
    pub after: After,
    /// From the CPU before, and as the rules have it after.
    pub change: fn(&Cpu, &mut Cpu),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Taking an exception.
    Taking,
    /// Taking a synchronous exception.
    Synchronous,
    /// Taking an interrupt.
    Interrupt,
    /// An exception return.
    Returning,
    /// A write of DAIF.
    Masking,
}

const fn taking(name: &'static str, change: fn(&Cpu, &mut Cpu)) -> Rule {
    Rule { name, after: After::Taking, change }
}

const fn synchronous(name: &'static str, change: fn(&Cpu, &mut Cpu)) -> Rule {
    Rule { name, after: After::Synchronous, change }
}

const fn interrupt(name: &'static str, change: fn(&Cpu, &mut Cpu)) -> Rule {
    Rule { name, after: After::Interrupt, change }
}

const fn returning(name: &'static str, change: fn(&Cpu, &mut Cpu)) -> Rule {
    Rule { name, after: After::Returning, change }
}

const fn masking(name: &'static str, change: fn(&Cpu, &mut Cpu)) -> Rule {
    Rule { name, after: After::Masking, change }
}

/// Where QEMU 10 departs from the architecture, in what the model has.
pub const QEMU_DIFFERS: &[Rule] = &[
    taking("NZCV is unchanged by an exception", |_, cpu| cpu.pstate.nzcv = 0),
    returning("PAN is restored by an illegal return too", |before, cpu| {
        if illegal(before, cpu) {
            cpu.pstate.pan = before.pstate.pan;
        }
    }),
    synchronous("ESR has op1 and op2 of a DAIFSet or DAIFClr from user mode in their places", |_, cpu| {
        const OP1: u32 = 14;
        const OP2: u32 = 17;
        let field = |shift: u32| cpu.esr >> shift & 0b111;
        if cpu.esr >> 26 == 0x18 && cpu.esr >> 20 & 0b11 == 0 {
            cpu.esr = cpu.esr & !(0b111 << OP1 | 0b111 << OP2) | field(OP1) << OP2 | field(OP2) << OP1;
        }
    }),
];

/// Each must make a difference.
pub const MISTAKES: &[Rule] = &[
    taking("an exception leaves D open", |before, cpu| cpu.pstate.daif &= !D | before.pstate.daif),
    taking("an exception leaves A open", |before, cpu| cpu.pstate.daif &= !A | before.pstate.daif),
    taking("an exception leaves I open", |before, cpu| cpu.pstate.daif &= !I | before.pstate.daif),
    taking("an exception leaves F open", |before, cpu| cpu.pstate.daif &= !F | before.pstate.daif),
    taking("an exception does not set TCO", |before, cpu| cpu.pstate.tco = before.pstate.tco),
    taking("an exception does not set PAN", |before, cpu| cpu.pstate.pan = before.pstate.pan),
    taking("an exception does not clear IL", |before, cpu| cpu.pstate.il = before.pstate.il),
    taking("an exception does not select SP_EL1", |before, cpu| cpu.pstate.sp_el1 = before.pstate.sp_el1),
    taking("an exception does not change the level", |before, cpu| cpu.pstate.level = before.pstate.level),
    taking("SPSR loses D", |_, cpu| cpu.spsr &= !(1 << 9)),
    taking("SPSR loses IL", |_, cpu| cpu.spsr &= !(1 << 20)),
    taking("SPSR loses PAN", |_, cpu| cpu.spsr &= !(1 << 22)),
    taking("SPSR loses TCO", |_, cpu| cpu.spsr &= !(1 << 25)),
    taking("SPSR loses NZCV", |_, cpu| cpu.spsr &= !(0xf << 28)),
    taking("SPSR has the masks of after", |_, cpu| cpu.spsr |= 0xf << 6),
    taking("ELR is kept", |before, cpu| cpu.elr = before.elr),
    taking("ESR is kept", |before, cpu| cpu.esr = before.esr),
    taking("FAR is kept", |before, cpu| cpu.far = before.far),
    interrupt("an interrupt clears ESR", |_, cpu| cpu.esr = 0),
    interrupt("an interrupt returns to the instruction after", |_, cpu| cpu.elr += 4),
    returning("a return keeps SS", |before, cpu| cpu.pstate.ss = before.spsr >> 21 & 1 != 0),
    returning("a return clears IL", |_, cpu| cpu.pstate.il = false),
    returning("a return keeps DAIF", |before, cpu| cpu.pstate.daif = before.pstate.daif),
    returning("a return restores D as masked", |_, cpu| cpu.pstate.daif |= D),
    returning("a return keeps TCO", |before, cpu| cpu.pstate.tco = before.pstate.tco),
    returning("a return keeps PAN", |before, cpu| cpu.pstate.pan = before.pstate.pan),
    returning("a return keeps the stack pointer", |before, cpu| cpu.pstate.sp_el1 = before.pstate.sp_el1),
    returning("a return to user mode stays in the kernel", |_, cpu| cpu.pstate.level = Level::El1),
    returning("a return does not jump", |before, cpu| cpu.pc = before.pc + 4),
    returning("an illegal return keeps NZCV", |before, cpu| {
        if illegal(before, cpu) {
            cpu.pstate.nzcv = before.pstate.nzcv;
        }
    }),
    returning("an illegal return keeps DAIF", |before, cpu| {
        if illegal(before, cpu) {
            cpu.pstate.daif = before.pstate.daif;
        }
    }),
    returning("an illegal return restores TCO", |before, cpu| {
        if illegal(before, cpu) {
            cpu.pstate.tco = before.spsr >> 25 & 1 != 0;
        }
    }),
    returning("an illegal return selects SP by SPSR", |before, cpu| {
        if illegal(before, cpu) {
            cpu.pstate.sp_el1 = before.spsr & 1 != 0;
        }
    }),
    returning("an illegal return goes to user mode", |before, cpu| {
        if illegal(before, cpu) {
            cpu.pstate.level = Level::El0;
        }
    }),
    returning("an illegal return is legal", |before, cpu| {
        if illegal(before, cpu) {
            cpu.pstate.il = before.spsr >> 20 & 1 != 0;
        }
    }),
    masking("a write of DAIF does nothing", |before, cpu| cpu.pstate.daif = before.pstate.daif),
    masking("a write of DAIF loses D", |before, cpu| cpu.pstate.daif = cpu.pstate.daif & !D | before.pstate.daif & D),
    masking("a write of DAIF adds to what is masked", |before, cpu| cpu.pstate.daif |= before.pstate.daif),
    masking("a write of DAIF takes I for F", |_, cpu| {
        let daif = cpu.pstate.daif;
        cpu.pstate.daif = daif & (D | A) | (daif & I) >> 1 | (daif & F) << 1;
    }),
];

/// Whether the return from `before` to `cpu` was illegal.
fn illegal(before: &Cpu, cpu: &Cpu) -> bool {
    cpu.pstate.il && !matches!(before.spsr & 0x1f, 0b0000 | 0b0100 | 0b0101)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Program;
    use crate::simulated::Run;

    /// What QEMU must show is reached by the programs at all.
    #[test]
    fn a_few_programs_reach_every_rule() {
        let mut random = fastrand::Rng::with_seed(1);
        let programs: Vec<_> = std::iter::repeat_with(|| Program::random(&mut random)).take(500).collect();
        for rule in QEMU_DIFFERS.iter().chain(MISTAKES) {
            let shows = |program| Run::of(program, &[]).records != Run::of(program, &[*rule]).records;
            assert!(programs.iter().any(shows), "{}", rule.name);
        }
    }
}
