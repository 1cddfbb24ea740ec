//! The constraints of `docs/constraints.md`, each where it can be seen to hold or not. Every one names its number.

mod body;
mod leaving;
mod nmi;

use crate::cpu::{Cpu, DAIF, Level, Masks};
use crate::event::Exception;
use crate::ghost::{COUNTS, Ghost, HARDIRQ};
use crate::op::{Bank, Cell, Op, Stack};
use crate::task::Activation;
use crate::world::World;

const RESCHED: u64 = 1 << 32;
const WORK: u64 = 0x0000_ffff_0000_0000;
const COUNT: u64 = 0xffff_ffff;
const PREEMPT: u64 = 1;
const SOFTIRQ: u64 = 1 << 8;
const NMI: u64 = 1 << 20;
const BELIEF_OFF: u64 = 0;
const BELIEF_PREPARED: u64 = 1;
const BELIEF_ON: u64 = 2;

impl World {
    /// After each step.
    #[inline]
    pub(crate) fn check_step(&mut self, op: Op, told: u64) {
        match op {
            Op::ReadBank(bank) => self.check_bank_read(bank),
            Op::WriteBank(bank) => self.check_bank_write(bank),
            Op::WriteDaif(_) | Op::DaifSet(_) | Op::DaifClear(_) => {
                self.check_masks(op, Masks { daif: told as u8, ..self.masks() });
            }
            Op::SetPmr(_) => self.check_pmr(Masks { pmr: told as u8, ..self.masks() }),
            Op::WriteAllInt(_) => self.check_masks(op, Masks { allint: told != 0, ..self.masks() }),
            Op::Load(Cell::Word(task)) if task == self.current => self.check_look(told),
            // An entry from code with interrupts off changes nothing; that it looks is all there is to see of it.
            Op::Load(Cell::Watching) => self.top().ghost.tracked = true,
            Op::Store(Cell::Belief, value) => self.check_belief(value),
            Op::Store(Cell::Nesting, _) => self.check_tracking(),
            Op::Add(Cell::Watching, _) => self.check_watching(),
            Op::Set(Cell::Word(task), flags) if task == self.current => self.check_flags(flags),
            Op::Add(Cell::Word(task), added) if task == self.current => self.check_count(added),
            Op::Kernel(_) => self.check_kernel_code(),
            Op::ReadFaults(register) => self.check_faults_read(register),
            Op::SetTco(masked) => self.check_tco(masked),
            Op::Switched(_) => {
                self.check_switched();
                self.check_tags_switched();
            }
            Op::Take(exception) => self.check_taken(exception),
            _ => {}
        }
    }

    fn word(&self) -> u64 {
        self.value(Cell::Word(self.current))
    }

    pub(crate) const fn masks(&self) -> Masks {
        self.cpu.masks()
    }

    /// Exactly this context.
    pub(crate) fn is_in(&self, level: vestibule::Level) -> bool {
        self.design.backend.is(level, self.masks())
    }

    /// Everything is masked.
    pub(crate) fn is_masked(&self) -> bool {
        self.design.backend.masks_all(self.masks())
    }

    /// Ordinary interrupts do not come.
    pub(crate) const fn masks_irqs(&self) -> bool {
        self.masks().irqs()
    }

    pub(crate) fn watched(&self) -> bool {
        !self.design.tracked || self.value(Cell::Watching) & 1 != 0
    }

    fn believes(&self, belief: u64) -> bool {
        !self.design.tracked || self.value(Cell::Belief) == belief
    }

    pub(crate) fn check_take(&mut self, _: Exception) {
        if self.cpu.pstate.level == Level::El0 && self.design.tracked {
            self.check(66, self.value(Cell::Watching) & 1 == 0, "an entry from user mode inside another");
        }
    }

    fn check_taken(&mut self, _: Exception) {
        self.check(1, self.is_masked(), "a handler begins with something open");
    }

    fn check_bank_read(&mut self, bank: Bank) {
        let ghost = self.innermost().ghost;
        let name = "a register that an exception overwrites is read after something opened";
        self.check(4, self.is_masked() && !ghost.opened, name);
        let bit = 1 << bank as u8;
        self.check(4, ghost.read & bit == 0, "a register that an exception overwrites is read twice");
        self.check(15, !ghost.tracked, "the frame is not complete before the entry step");
        self.top().ghost.read |= bit;
    }

    fn check_bank_write(&mut self, _: Bank) {
        self.check(2, self.is_masked(), "the return state is put back with something open");
        let top = self.innermost();
        let (ghost, taken) = (top.ghost, top.exception.is_some());
        self.check(27, ghost.masked || !taken, "the return state is put back before the body is over and masked");
        self.top().ghost.restoring = true;
    }

    fn check_masks(&mut self, op: Op, before: Masks) {
        let after = self.masks();
        let opens_irqs = before.irqs() && !after.irqs();
        let opens = before.daif & !after.daif != 0 || before.allint && !after.allint || opens_irqs;
        let top = self.innermost();
        let (ghost, exception, was) = (top.ghost, top.exception, top.before);
        let inherited = matches!(op, Op::WriteDaif(_));
        if inherited {
            self.check(
                14,
                exception.is_some() && after.daif == was.masks.daif,
                "masks come from something else than the frame",
            );
        }
        let nests = inherited || matches!(after.daif, 0 | 0b0011 | 0b0111 | 0b1111);
        self.check(5, nests, "masks do not nest");
        self.check_opens_debug(before.daif & !after.daif);
        self.check_order(after, opens_irqs);
        if opens {
            self.check(41, !ghost.restoring, "opens after the return state is put back");
            if exception.is_some() {
                let saved = 1 << Bank::Elr as u8 | 1 << Bank::Spsr as u8;
                self.check(4, ghost.read & saved == saved, "opens before the return state is saved");
                self.check(22, ghost.tracked || !self.design.tracked, "opens before the entry step");
                let debug = exception.is_some_and(Exception::is_debug);
                self.check(10, !debug || was.level == Level::El0, "opens in a debug exception of the kernel");
                if exception == Some(Exception::Step) && was.level == Level::El0 && !ghost.body {
                    self.check_consumed();
                }
            }
            if opens_irqs {
                self.check(23, self.believes(BELIEF_ON), "interrupts open before tracking hears of it");
            }
            self.top().ghost.opened = true;
        }
        if self.is_masked() && ghost.ran {
            self.top().ghost.masked = true;
        }
    }

    /// A look at the word, if it is the exit's.
    fn check_look(&mut self, word: u64) {
        let top = self.innermost();
        let (ghost, from_user) = (top.ghost, top.before.level == Level::El0);
        if !ghost.ran || top.in_round {
            return;
        }
        let wanted = self.design.looks_with;
        // Before it masks what the last look wants masked, a system call looks whether somebody traces it.
        if top.exception == Some(Exception::Svc) && !ghost.masked && self.masks().daif & wanted != wanted {
            return;
        }
        let constraint = if from_user { 52 } else { 27 };
        let masked = if wanted == DAIF { self.is_masked() } else { self.masks().daif & wanted == wanted };
        self.check(constraint, masked, "the last look is made with something open");
        self.check(117, word & (HARDIRQ * 15) == 0 || !from_user, "a look while an interrupt counts");
        let ghost = &mut self.top().ghost;
        ghost.looked = Some(word);
        ghost.prepared = true;
        ghost.work = 0;
    }

    fn check_belief(&mut self, value: u64) {
        let top = self.innermost();
        let (ghost, was, taken, in_round) = (top.ghost, top.before, top.exception.is_some(), top.in_round);
        self.check(75, value == BELIEF_ON || self.masks_irqs(), "tracking says off with interrupts open");
        match value {
            BELIEF_OFF => {
                let again = taken && ghost.ran && was.belief == BELIEF_OFF && !in_round;
                self.check(39, !again, "code with interrupts off hears off a second time");
            }
            BELIEF_PREPARED => self.check(80, self.watched(), "tracers are told while nobody watches"),
            _ => self.check(23, self.masks_irqs(), "tracking says on with interrupts open"),
        }
        self.check_tracking();
    }

    fn check_tracking(&mut self) {
        self.check(68, self.masks_irqs(), "tracking changes with interrupts open");
        let top = self.innermost();
        let (ghost, was, exception) = (top.ghost, top.before, top.exception);
        if !ghost.ran && !ghost.body && was.level == Level::El1 {
            let counts = self.word() & COUNTS;
            match exception {
                // A full stack is fatal, whatever came.
                _ if self.stack() == Stack::Overflow && was.stack != Stack::Overflow => {
                    self.check(
                        87,
                        counts == was.counts + NMI + HARDIRQ,
                        "a full stack does not count as NMI-like first",
                    );
                }
                Some(exception) if exception.is_debug() => {
                    self.check(72, counts == was.counts + PREEMPT, "a debug exception does not count first");
                }
                _ if top.leaves_no_trace() => {
                    self.check(81, counts == was.counts + NMI + HARDIRQ, "an NMI-like exception does not count first");
                }
                _ => {}
            }
        }
        self.top().ghost.tracked = true;
    }

    fn check_watching(&mut self) {
        let top = self.innermost();
        let (ghost, was, taken) = (top.ghost, top.before, top.exception.is_some());
        let wakes = self.value(Cell::Watching) & 1 != 0;
        let from_user = was.level == Level::El0;
        if taken && wakes && !ghost.ran {
            self.check(
                if from_user { 46 } else { 16 },
                self.value(Cell::Belief) != BELIEF_ON,
                "watched before tracking hears that interrupts are off",
            );
        }
        if taken && !wakes {
            let (constraint, on) = if from_user { (55, true) } else { (43, was.belief == BELIEF_ON) };
            let told = if on { BELIEF_PREPARED } else { was.belief };
            self.check(constraint, self.value(Cell::Belief) == told, "not watched before tracers were told");
        }
        self.check_tracking();
    }

    fn check_count(&mut self, added: u64) {
        let (up, unit) = if added >> 63 == 0 { (true, added) } else { (false, added.wrapping_neg()) };
        let ghost = self.innermost().ghost;
        match unit {
            HARDIRQ if up => self.check(117, ghost.tracked || !self.design.tracked, "counts before the entry step"),
            HARDIRQ | SOFTIRQ => self.check(119, up || self.masks_irqs(), "interrupts are on where counting ends"),
            _ => {}
        }
        let was_full = (self.word().wrapping_sub(added) / NMI) & 15 == 15;
        let overflows = up && unit & NMI != 0 && was_full;
        self.check_unit(up, unit);
        self.check(82, !overflows, "NMI-like exceptions nest deeper than can be counted");
    }

    fn check_kernel_code(&mut self) {
        if !self.design.tracked {
            return;
        }
        let watching = self.value(Cell::Watching) & 1 != 0;
        if self.cpu.pstate.level == Level::El0 {
            self.check(70, !watching, "user mode is watched");
            self.check(42, self.value(Cell::Belief) == BELIEF_ON, "user mode with interrupts believed off");
        } else {
            self.check(69, watching, "the kernel's code runs while nobody watches");
            let open = !self.masks_irqs();
            self.check(
                75,
                (self.value(Cell::Belief) == BELIEF_ON) == open,
                "tracking believes other than the hardware",
            );
        }
    }
}

impl Activation {
    /// Which of ELR, SPSR, ESR and FAR are still this exception's, as long as that matters: until it has read them or opened
    /// something, for after that whoever reads them is found out; and of the first two from when they are put back.
    pub(crate) fn own_banks(&self, cpu: &Cpu) -> u64 {
        let Some(exception) = self.exception else { return 0 };
        let Ghost { read, opened, restoring, .. } = self.ghost;
        let unread = |bank: Bank| !opened && read & 1 << bank as u8 == 0;
        let own = [
            (restoring || unread(Bank::Elr)) && cpu.elr == self.before.pc,
            (restoring || unread(Bank::Spsr)) && cpu.spsr == self.before.pstate.to_spsr(),
            // What an interrupt finds there is some exception's before it: overwritten by another it may be the same again.
            unread(Bank::Esr) && !exception.is_interrupt() && cpu.esr == self.banks[0],
            unread(Bank::Far) && exception.has_address() && cpu.far == self.banks[1],
        ];
        own.iter().fold(0, |bits, own| bits << 1 | u64::from(*own))
    }

    /// NMI-like, or a debug exception of the kernel.
    pub(crate) fn leaves_no_trace(&self) -> bool {
        self.before.level == Level::El1 && (self.ghost.nmi || self.exception.is_some_and(Exception::leaves_no_trace))
    }

    /// What comes where ordinary interrupts do not.
    pub(crate) fn came_for_nmi(&self) -> bool {
        self.exception.is_some_and(Exception::is_nmi)
    }
}
