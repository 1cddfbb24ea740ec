//! The constraints of `docs/constraints.md`, each where it can be seen to hold or not. Every one names its number.

use vestibule::Why;
use vestibule_arm64::{Frame, NO_SYSCALL};

use crate::cpu::{A, Cpu, D, DAIF, F, I, Level, Pstate};
use crate::event::Exception;
use crate::ghost::{COUNTS, Snapshot};
use crate::observe::Promise;
use crate::op::{Bank, Cell, Op, Stack};
use crate::vector::{FIRST_PC, FIRST_SP, registers};
use crate::world::{Activation, IDLE, World, stack_of, stack_top};

const RESCHED: u64 = 1 << 32;
const WORK: u64 = 0x0000_ffff_0000_0000;
const COUNT: u64 = 0xffff_ffff;
const PREEMPT: u64 = 1;
const SOFTIRQ: u64 = 1 << 8;
const HARDIRQ: u64 = 1 << 16;
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
            Op::WriteDaif(_) | Op::DaifSet(_) | Op::DaifClear(_) => self.check_masks(op, told as u8),
            Op::Load(Cell::Word(task)) if task == self.current => self.check_look(told),
            Op::Store(Cell::Belief, value) => self.check_belief(value),
            Op::Store(Cell::Nesting, _) => self.check_tracking(),
            Op::Add(Cell::Watching, _) => self.check_watching(),
            Op::Add(Cell::Word(task), added) if task == self.current => self.check_count(added),
            Op::Kernel(_) => self.check_kernel_code(),
            Op::Take(exception) => self.check_taken(exception),
            _ => {}
        }
    }

    fn word(&self) -> u64 {
        self.value(Cell::Word(self.current))
    }

    fn daif(&self) -> u8 {
        self.cpu.pstate.daif
    }

    fn watched(&self) -> bool {
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
        self.check(1, self.daif() == DAIF, "a handler begins with something open");
    }

    fn check_bank_read(&mut self, bank: Bank) {
        let ghost = self.innermost().ghost;
        let name = "a register that an exception overwrites is read after something opened";
        self.check(4, self.daif() == DAIF && !ghost.opened, name);
        let bit = 1 << bank as u8;
        self.check(4, ghost.read & bit == 0, "a register that an exception overwrites is read twice");
        self.check(15, !ghost.tracked, "the frame is not complete before the entry step");
        self.top().ghost.read |= bit;
    }

    fn check_bank_write(&mut self, _: Bank) {
        self.check(2, self.daif() == DAIF, "the return state is put back with something open");
        let top = self.innermost();
        let (ghost, taken) = (top.ghost, top.exception.is_some());
        self.check(27, ghost.masked || !taken, "the return state is put back before the body is over and masked");
        self.top().ghost.restoring = true;
    }

    fn check_masks(&mut self, op: Op, before: u8) {
        let after = self.daif();
        let opened = before & !after;
        let top = self.innermost();
        let (ghost, exception, was) = (top.ghost, top.exception, top.before);
        let inherited = matches!(op, Op::WriteDaif(_));
        if inherited {
            self.check(14, exception.is_some() && after == was.daif, "masks come from something else than the frame");
        }
        let nests = inherited || matches!(after & DAIF, 0 | 0b0011 | 0b0111 | 0b1111);
        self.check(5, nests, "masks do not nest");
        if opened != 0 {
            self.check(41, !ghost.restoring, "opens after the return state is put back");
            if exception.is_some() {
                let saved = 1 << Bank::Elr as u8 | 1 << Bank::Spsr as u8;
                self.check(4, ghost.read & saved == saved, "opens before the return state is saved");
                self.check(22, ghost.tracked || !self.design.tracked, "opens before the entry step");
                let kernel_brk = exception == Some(Exception::Brk) && was.level == Level::El1;
                self.check(10, !kernel_brk, "opens in a debug exception of the kernel");
            }
            if opened & I != 0 {
                self.check(23, self.believes(BELIEF_ON), "interrupts open before tracking hears of it");
            }
            self.top().ghost.opened = true;
        }
        if after == DAIF && ghost.ran {
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
        let constraint = if from_user { 52 } else { 27 };
        let wanted = self.design.looks_with;
        self.check(constraint, self.daif() & wanted == wanted, "the last look is made with something open");
        self.check(117, word & (HARDIRQ * 15) == 0 || !from_user, "a look while an interrupt counts");
        self.top().ghost.looked = Some(word);
        self.top().ghost.work = 0;
    }

    fn check_belief(&mut self, value: u64) {
        let top = self.innermost();
        let (ghost, was, taken, in_round) = (top.ghost, top.before, top.exception.is_some(), top.in_round);
        self.check(75, value == BELIEF_ON || self.daif() & I != 0, "tracking says off with interrupts open");
        match value {
            BELIEF_OFF => {
                let again = taken && ghost.ran && was.belief == BELIEF_OFF && !in_round;
                self.check(39, !again, "code with interrupts off hears off a second time");
            }
            BELIEF_PREPARED => self.check(80, self.watched(), "tracers are told while nobody watches"),
            _ => self.check(23, self.daif() & I != 0, "tracking says on with interrupts open"),
        }
        self.check_tracking();
    }

    fn check_tracking(&mut self) {
        self.check(68, self.daif() & I != 0, "tracking changes with interrupts open");
        let top = self.innermost();
        let (ghost, was, exception) = (top.ghost, top.before, top.exception);
        if !ghost.ran && !ghost.body && was.level == Level::El1 {
            let counts = self.word() & COUNTS;
            match exception {
                // A full stack is fatal, whatever came.
                _ if self.stack() == Stack::Overflow => {
                    self.check(
                        87,
                        counts == was.counts + NMI + HARDIRQ,
                        "a full stack does not count as NMI-like first",
                    );
                }
                Some(Exception::CorrectedError | Exception::UncorrectedError) => {
                    self.check(81, counts == was.counts + NMI + HARDIRQ, "an NMI-like exception does not count first");
                }
                Some(Exception::Brk) => {
                    self.check(72, counts == was.counts + PREEMPT, "a debug exception does not count first");
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
            HARDIRQ | SOFTIRQ => self.check(119, up || self.daif() & I != 0, "interrupts are on where counting ends"),
            _ => {}
        }
        let nmis = (self.word() / NMI) & 15;
        self.check(82, nmis < 15, "NMI-like exceptions nest too deep");
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
            let open = self.daif() & I == 0;
            self.check(
                75,
                (self.value(Cell::Belief) == BELIEF_ON) == open,
                "tracking believes other than the hardware",
            );
        }
    }

    pub(crate) fn check_body_begins(&mut self, promise: Promise, frame: &Frame) {
        let top = self.innermost();
        let (ghost, was, exception) = (top.ghost, top.before, top.exception);
        let Some(exception) = exception else { return };
        if ghost.ran && promise == Promise::User {
            return;
        }
        self.check(15, ghost.tracked || !self.design.tracked, "the body comes before the entry step");
        self.check_promise(promise, &was);
        if promise != Promise::Softirq {
            self.check_frame(exception, &was, frame);
            self.top().ghost.body = true;
        }
    }

    fn check_promise(&mut self, promise: Promise, was: &Snapshot) {
        let (daif, counts) = (self.daif(), self.word() & COUNTS);
        let from_user = was.level == Level::El0;
        let idle = self.current == IDLE;
        match promise {
            Promise::User => {
                self.check(7, daif == 0, "the body of an exception from user mode has something masked");
                self.check(34, self.stack() == Stack::Task, "what may sleep is on another stack than the task's");
                self.check(116, counts & COUNT == 0, "user mode had counts");
            }
            Promise::Inherited => {
                self.check(6, daif == was.daif, "the body has other masks than what was interrupted");
                self.check(116, counts == was.counts, "a fault changes the counts");
            }
            Promise::Hardirq => {
                self.check(8, daif == I | F, "an interrupt's body has other masks");
                let own = was.stack == Stack::Task || from_user;
                let stack = if own { Stack::Irq } else { was.stack };
                self.check(108, self.stack() == stack, "an interrupt's body is on the wrong stack");
                self.check(117, counts == was.counts + HARDIRQ, "an interrupt's body does not count");
            }
            Promise::Softirq => {
                self.check(118, daif == 0, "soft interrupts run with something masked");
                let alone = counts & (HARDIRQ * 0xff) == 0 && (counts / SOFTIRQ) & 0xff == 1;
                self.check(118, alone, "soft interrupts run inside another interrupt");
            }
            Promise::Error => {
                self.check(9, daif == A | I | F, "an SError's body has other masks");
                self.check(81, counts == was.counts + NMI + HARDIRQ, "an SError's body does not count as NMI-like");
            }
            Promise::Critical => {
                self.check(10, daif == DAIF, "a debug exception's body has something open");
                self.check(72, counts == was.counts + PREEMPT, "a debug exception's body does not count");
            }
        }
        if matches!(promise, Promise::Inherited | Promise::Hardirq) && !from_user && self.design.tracked {
            let nesting = self.value(Cell::Nesting);
            if idle {
                self.check(17, nesting != was.nesting, "an entry from the idle task does not count");
            } else {
                self.check(18, nesting == was.nesting, "an entry from a task counts, and may sleep");
            }
        }
    }

    fn check_frame(&mut self, exception: Exception, was: &Snapshot, frame: &Frame) {
        let from_user = was.level == Level::El0;
        self.check(4, frame.pc == was.pc, "the frame has another ELR");
        self.check(4, frame.pstate == was.pstate.to_spsr(), "the frame has another SPSR");
        self.check(4, frame.from_user() == from_user, "the frame tells another exception level");
        if let Some(syndrome) = exception.syndrome(from_user, was.token) {
            self.check(4, frame.syndrome == syndrome, "the frame has another ESR");
        }
        if exception.has_address() {
            self.check(4, frame.fault_address == was.token & 0xffff_ffff_f000, "the frame has another FAR");
        }
        if from_user {
            let number = if exception == Exception::Svc { frame.regs[8] } else { NO_SYSCALL };
            self.check(115, frame.syscall == number, "the frame does not say whether it is a system call");
            self.check(4, frame.sp == was.sp_el0, "the frame has another SP_EL0");
        }
    }

    pub(crate) fn check_body_ends(&mut self, promise: Promise) {
        if promise == Promise::Hardirq {
            self.check(25, self.daif() & I != 0, "a handler opened interrupts");
            self.check(117, self.environment.acknowledged != crate::machine::DEVICE, "an interrupt is not ended");
        }
        if promise != Promise::Softirq {
            let masked = self.daif() == DAIF;
            let top = self.top();
            top.ghost.ran = true;
            top.ghost.masked |= masked;
        }
    }

    /// Work on the way to user mode.
    pub(crate) fn check_work(&mut self, what: &str) {
        self.check(52, self.daif() & I == 0, "work runs with interrupts off");
        self.check(51, self.daif() == 0, "work runs with something masked");
        let place = ["signal", "notify-resume", "other work"].iter().position(|name| *name == what).unwrap_or(0) as u8;
        let ghost = self.innermost().ghost;
        self.check(54, ghost.work <= place, "work in another order");
        self.top().ghost.work = place + 1;
        self.top().ghost.looked = None;
    }

    pub(crate) fn check_may_sleep(&mut self) {
        self.check(71, self.current != IDLE, "the idle task is allowed to sleep in a fault");
        self.check(6, self.daif() == 0, "a fault is allowed to sleep with something masked");
        self.check(116, self.word() & COUNT == 0, "a fault is allowed to sleep with preemption off");
    }

    pub(crate) fn check_schedule(&mut self, why: Why) {
        let (daif, word) = (self.daif(), self.word());
        let top = self.innermost();
        let (ghost, was) = (top.ghost, top.before);
        let traceless = self.task().activations.iter().find_map(|one| one.exception.filter(|_| one.leaves_no_trace()));
        self.check(
            84,
            !matches!(traceless, Some(Exception::CorrectedError)),
            "the scheduler runs in an NMI-like exception",
        );
        self.check(35, traceless.is_none(), "the scheduler runs in a debug exception");
        self.check(29, daif & (D | A) == 0, "the scheduler is entered with SError or debug exceptions masked");
        self.check(28, daif == I | F, "the scheduler is entered with interrupts open");
        self.check(34, self.stack() == Stack::Task, "the scheduler runs on another stack than the task's");
        self.check(116, word & COUNT == 0, "the scheduler is entered with counts");
        self.check(75, self.believes(BELIEF_OFF), "the scheduler is entered with interrupts believed on");
        self.check(126, self.watched(), "the scheduler is entered while nobody watches");
        self.check(69, self.watched(), "the scheduler is entered while nobody watches");
        if self.environment.acknowledged == crate::machine::DEVICE {
            self.check(117, false, "the scheduler is entered before the end of the interrupt");
        }
        match why {
            Why::KernelExit(_) => {
                self.check(30, was.daif & I == 0, "code with interrupts off is preempted");
                self.check(31, self.current != IDLE, "the idle task is preempted");
                let wanted = ghost.looked.is_some_and(|word| word & (COUNT | RESCHED) == RESCHED);
                self.check(33, wanted, "preempted though counts forbid it, or nobody wants it");
                self.check(27, ghost.looked.is_some(), "preempted without a look");
                self.check(32, ghost.ran, "preempted before the body is over");
            }
            Why::UserExit => self.check(51, was.level == Level::El0, "the work loop runs on the way to the kernel"),
            Why::Asked | Why::PreemptionEnabled => {}
        }
        self.top().ghost.work = 0;
        self.top().ghost.looked = None;
    }

    pub(crate) fn check_switch(&mut self, from: usize) {
        self.check(109, self.daif() == DAIF, "tasks are switched with something open");
        self.check(34, self.stack() == Stack::Task, "tasks are switched on another stack than the task's");
        self.check(110, from == self.current, "a task is switched from that does not run");
    }

    pub(crate) fn check_stack_move(&mut self, to: u64) {
        self.check(109, self.daif() == DAIF, "the stack changes with something open");
        self.check(108, stack_of(to) != self.stack(), "the stack changes to the one in use");
    }

    pub(crate) fn check_return(&mut self, frame: &Frame) {
        let top = self.innermost();
        let (ghost, was) = (top.ghost, top.before);
        let to_user = was.level == Level::El0;
        self.check(3, self.daif() == DAIF, "the handler comes back with something open");
        self.check(27, ghost.ran && ghost.restoring, "the handler comes back without its body");
        self.check(2, self.cpu.elr == frame.pc && self.cpu.spsr == frame.pstate, "the return state is another's");
        self.check(40, self.cpu.elr == was.pc, "returns to another place");
        self.check(40, self.cpu.spsr == was.pstate.to_spsr(), "returns to another state");
        self.check(40, frame.regs == registers(was.token), "returns with other registers");
        let interrupted = if to_user { stack_top(self.current) } else { was.stack_pointer };
        self.check(108, self.task().stack_pointer == interrupted - FRAME, "returns on another stack");
        self.check_tracking_at_return(&was);
        if to_user {
            self.check_user_return();
        } else if was.daif & I == 0 && !self.innermost().leaves_no_trace() {
            let word = self.word();
            let wanted = word & (COUNT | RESCHED) == RESCHED && self.current != IDLE;
            let lost = wanted && !self.environment.ipi_due;
            self.check(if ghost.looks > 0 { 38 } else { 32 }, !lost, "a reschedule that is wanted is not done");
            self.check(126, self.watched(), "returns to code with interrupts on while nobody watches");
        }
    }

    fn check_tracking_at_return(&mut self, was: &Snapshot) {
        if !self.design.tracked {
            return;
        }
        let interrupts_on = was.daif & I == 0;
        let belief = self.value(Cell::Belief);
        let nmi = self.innermost().leaves_no_trace();
        let name = "interrupts are believed other than they will be";
        if nmi {
            self.check(77, belief == was.belief, "an NMI-like exception leaves another belief");
        } else {
            self.check(42, (belief == BELIEF_ON) == interrupts_on, name);
        }
        let watching = self.value(Cell::Watching) & 1 != 0;
        let constraint = match (was.level, self.current, nmi) {
            (Level::El0, ..) => 58,
            (.., true) => 85,
            (_, IDLE, _) => 44,
            _ => 67,
        };
        self.check(constraint, watching == was.watching, "watched other than before");
    }

    fn check_user_return(&mut self) {
        let pstate = Pstate::from_spsr(self.cpu.spsr);
        let sane = pstate.is_some_and(|pstate| pstate.level == Level::El0 && pstate.daif == 0);
        self.check(60, sane, "user mode gets masks, or is none");
        let word = self.word();
        let lost = word & WORK != 0 && !self.environment.ipi_due;
        self.check(52, !lost, "work for user mode is left undone");
        self.check(116, word & COUNT == 0, "user mode gets counts");
        self.check(56, self.stack() == Stack::Task, "the loop is over on another stack");
    }

    /// Everything as it was found.
    pub(crate) fn check_returned(&mut self, left: &Activation) {
        let (was, now) = (left.before, self.snapshot());
        let traceless = left.leaves_no_trace();
        let of = |regular: u16| match (traceless, left.exception) {
            (false, _) => regular,
            (true, Some(Exception::Brk)) => 24,
            (true, _) => 85,
        };
        self.check(of(116), now.counts == was.counts, "counts other than were found");
        self.check(of(67), now.nesting == was.nesting, "tracking is at another depth than was found");
        self.check(of(42), now.belief == was.belief, "another belief than was found");
        self.check(of(40), now.daif == was.daif && now.level == was.level, "other masks than were found");
        self.check(of(108), now.stack == was.stack, "another stack than was found");
        let kept = was.level == Level::El1 || now.sp_el0 == was.sp_el0;
        self.check(40, kept, "another user stack pointer than was found");
        self.check(37, self.current == was.task, "another task's exception returns");
    }

    pub(crate) fn check_first_return(&mut self, frame: &Frame) {
        self.check(3, self.daif() == DAIF, "a task's first return with something open");
        self.check(
            59,
            self.cpu.elr == frame.pc && self.cpu.spsr == frame.pstate,
            "the first return state is another's",
        );
        self.check(59, self.cpu.sp_el0 == frame.sp, "the first user stack pointer is another's");
        let begins = frame.pc == FIRST_PC && frame.sp == FIRST_SP && frame.syscall == NO_SYSCALL;
        self.check(59, begins, "a user program begins elsewhere than asked for");
        if self.design.tracked {
            self.check(58, self.value(Cell::Watching) & 1 == 0, "user mode is watched");
            self.check(59, self.value(Cell::Belief) == BELIEF_ON, "user mode with interrupts believed off");
        }
        self.check_user_return();
    }

    pub(crate) fn check_wait(&mut self) {
        self.check(98, self.daif() == I | F, "waits with other masks than interrupts'");
        self.check(31, self.current == IDLE, "a task waits that is not the idle task");
        if self.design.tracked {
            self.check(70, self.value(Cell::Watching) & 1 == 0, "waits while it is watched");
        }
        let lost = self.word() & RESCHED != 0 && !self.environment.ipi_due;
        self.check(38, !lost, "waits though a reschedule is wanted");
    }

    pub(crate) fn check_finish(&mut self) {
        let lost = self.word() & (COUNT | RESCHED) == RESCHED && !self.environment.ipi_due && self.current != IDLE;
        self.check(38, !lost || self.cpu.pstate.level == Level::El0, "a reschedule that is wanted is not done");
        let user = self.cpu.pstate.level == Level::El0;
        let left = user && self.word() & WORK != 0 && !self.environment.ipi_due;
        self.check(52, !left, "work for user mode is left undone");
        self.check(116, self.word() & COUNT == 0, "the program ends with counts");
    }

    pub(crate) fn check_death(&mut self, _: &str, _: &Frame) {
        self.check(87, self.word() & (NMI * 15) != 0, "who cannot go on does not count as NMI-like");
        self.check(87, self.watched(), "who cannot go on is not watched");
        if self.depth() > 0 && self.stack() == Stack::Overflow {
            self.check(111, self.daif() == DAIF, "a full stack is reported with something open");
        }
    }
}

const FRAME: u64 = size_of::<Frame>() as u64;

impl Activation {
    /// Which of ELR, SPSR, ESR and FAR are still this exception's. What is in those that are not is of no use to anybody:
    /// whoever takes it is found out.
    pub(crate) fn own_banks(&self, cpu: &Cpu) -> u64 {
        let own = [
            cpu.elr == self.before.pc,
            cpu.spsr == self.before.pstate.to_spsr(),
            cpu.esr == self.banks[0],
            cpu.far == self.banks[1],
        ];
        own.iter().fold(0, |bits, own| bits << 1 | u64::from(*own))
    }

    /// NMI-like, or a debug exception of the kernel.
    pub(crate) fn leaves_no_trace(&self) -> bool {
        self.before.level == Level::El1 && self.exception.is_some_and(Exception::leaves_no_trace)
    }
}
