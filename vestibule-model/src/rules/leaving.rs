//! How everything has to be where an exception returns, a task waits, a program ends, or nobody can go on.

use vestibule::Level as Context;
use vestibule::{Flags, Row};
use vestibule_arm64::classes::{
    El0Abort, El0Breakpoint, El0Brk, El0Fiq, El0Irq, El0Serror, El0Step, El0Svc, El0Undefined, El0Unhandled,
    El0Watchpoint, El1Abort, El1Breakpoint, El1Brk, El1Fiq, El1Irq, El1Nmi, El1Serror, El1Step, El1Undefined,
    El1Watchpoint,
};
use vestibule_arm64::{Frame, NO_SYSCALL};

use super::{BELIEF_ON, COUNT, NMI, RESCHED, WORK};
use crate::cpu::{Level, Masks, Pstate};
use crate::event::Exception;
use crate::ghost::{Ghost, Outcome, Snapshot};
use crate::kernel::{EINTR, MADE, RESTART, SKIPPED};
use crate::op::{Cell, Stack};
use crate::task::Activation;
use crate::vector::{FIRST_PC, FIRST_SP, registers};
use crate::world::{IDLE, World, stack_top};

/// PSTATE.SS, which `check_stepped` looks at.
const SS: u64 = 1 << 21;
const FRAME: u64 = size_of::<Frame>() as u64;

impl World {
    pub(crate) fn check_return(&mut self, frame: &Frame) {
        let top = self.innermost();
        let (ghost, was) = (top.ghost, top.before);
        let to_user = was.level == Level::El0;
        self.check(3, self.is_masked(), "the handler comes back with something open");
        self.check(27, ghost.ran && ghost.restoring, "the handler comes back without its body");
        self.check(2, self.cpu.elr == frame.pc && self.cpu.spsr == frame.pstate, "the return state is another's");
        self.check_kernels_points(self.innermost().exception.filter(|_| !to_user));
        let stepped = if to_user { SS } else { 0 };
        let returns_to = self.returns_to(self.innermost().exception, was.pstate);
        let other = (self.cpu.spsr ^ returns_to.to_spsr()) & !stepped;
        self.check(40, other == 0, "returns to another state");
        self.check_outcome(ghost.outcome, &was, frame);
        let interrupted = if to_user { stack_top(self.current) } else { was.stack_pointer };
        self.check(108, self.task().stack_pointer == interrupted - FRAME, "returns on another stack");
        self.check_pmr_at_return(&was);
        self.check(117, self.environment.active == was.active, "an interrupt returns before its end");
        self.check_preparation(&ghost, &was);
        self.check_tracking_at_return(&was);
        self.check_tags_at_return(to_user);
        if to_user {
            self.check_user_return();
        } else if !was.masks.irqs() && !self.innermost().leaves_no_trace() {
            let word = self.word();
            let wanted = word & (COUNT | RESCHED) == RESCHED && self.current != IDLE;
            let lost = wanted && !self.environment.ipi_due;
            self.check(if ghost.looks > 0 { 38 } else { 32 }, !lost, "a reschedule that is wanted is not done");
            self.check(126, self.watched(), "returns to code with interrupts on while nobody watches");
        }
    }

    /// It returns to where it was with the registers that were there, but for what is to become of a system call.
    fn check_outcome(&mut self, outcome: Outcome, was: &Snapshot, frame: &Frame) {
        let (mut place, mut wanted) = (was.pc, registers(was.token));
        let constraint = match outcome {
            Outcome::AsItCame | Outcome::Made => 40,
            Outcome::Skipped => 63,
            _ => 61,
        };
        match outcome {
            Outcome::AsItCame | Outcome::Interrupted => {}
            Outcome::Made => wanted[0] = MADE,
            Outcome::Skipped => wanted[0] = SKIPPED,
            Outcome::Failed => wanted[0] = EINTR,
            Outcome::Again => place = place.wrapping_sub(4),
            Outcome::Returned => wanted[0] = RESTART,
        }
        self.check(61, outcome != Outcome::Interrupted, "nobody decides about a system call that was interrupted");
        self.check(constraint, self.cpu.elr == place, "returns to another place");
        self.check(constraint, frame.regs == wanted, "returns with other registers");
        let unseen = self.word() & Flags::SYSCALL_EXIT.bits() != 0 && self.innermost().ghost.traced & 2 == 0;
        let svc = self.innermost().exception == Some(Exception::Svc);
        self.check(
            65,
            !(svc && unseen) || outcome == Outcome::Again,
            "a system call is over, and who traces it has not seen that",
        );
    }

    /// The exit does not look for work if the table says that its class prepares nothing.
    fn check_preparation(&mut self, ghost: &Ghost, was: &Snapshot) {
        let constraint = if self.innermost().exception.is_some_and(Exception::is_debug) { 35 } else { 84 };
        let nmi = self.innermost().ghost.nmi;
        let prepares = !nmi && prepares(self.innermost().exception, was.level);
        self.check(constraint, prepares || !ghost.prepared, "an exit looks for work whose class prepares nothing");
    }

    fn check_tracking_at_return(&mut self, was: &Snapshot) {
        if !self.design.tracked {
            return;
        }
        let interrupts_on = !was.masks.irqs();
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
            (_, IDLE, _) if interrupts_on => 43,
            (_, IDLE, _) => 44,
            _ => 67,
        };
        self.check(constraint, watching == was.watching, "watched other than before");
    }

    fn check_user_return(&mut self) {
        self.check_fpsimd();
        self.check_stepped();
        let pstate = Pstate::from_spsr(self.cpu.spsr);
        let sane = pstate.is_some_and(|pstate| pstate.level == Level::El0 && pstate.daif == 0 && !pstate.allint);
        self.check_pmr_of_user();
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
            (true, Some(exception)) if exception.is_debug() => 24,
            (true, _) => 85,
        };
        self.check(of(116), now.counts == was.counts, "counts other than were found");
        self.check(of(67), now.nesting == was.nesting, "tracking is at another depth than was found");
        self.check(of(42), now.belief == was.belief, "another belief than was found");
        let returned = self.returns_to(left.exception, was.pstate);
        let masks = Masks { daif: returned.daif, allint: returned.allint, ..was.masks };
        self.check(of(40), now.masks == masks && now.level == was.level, "other masks than were found");
        self.check(of(108), now.stack == was.stack, "another stack than was found");
        let kept = was.level == Level::El1 || now.sp_el0 == was.sp_el0;
        self.check(40, kept, "another user stack pointer than was found");
        self.check(37, self.current == was.task, "another task's exception returns");
    }

    pub(crate) fn check_first_return(&mut self, frame: &Frame) {
        self.check(3, self.is_masked(), "a task's first return with something open");
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
        self.check(98, self.is_in(Context::NoNmi), "waits with other masks than interrupts'");
        self.check_pmr_at_wait();
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

    pub(crate) fn check_death(&mut self, frame: &Frame) {
        let top = self.innermost();
        if let Some(exception) = top.exception {
            let syndrome = exception.syndrome(top.before.level == Level::El0, top.before.token).unwrap_or(0);
            self.check(4, frame.syndrome == syndrome, "an exception is reported with another's ESR");
            let survived = matches!(exception, Exception::CorrectedError | Exception::ContainedError);
            // Whatever finds the stack full ends all.
            self.check(
                129,
                !survived || self.stack() == Stack::Overflow,
                "nobody goes on after an SError that somebody could",
            );
        }
        self.check(87, self.word() & (NMI * 15) != 0, "who cannot go on does not count as NMI-like");
        self.check(87, self.watched(), "who cannot go on is not watched");
        if self.depth() > 0 && self.stack() == Stack::Overflow {
            self.check(111, self.is_masked(), "a full stack is reported with something open");
        }
    }
}

/// What the table of classes says of it.
const fn prepares(exception: Option<Exception>, from: Level) -> bool {
    let row = match (from, exception) {
        (Level::El0, Some(Exception::Svc)) => Row::of::<El0Svc>(),
        (Level::El0, Some(Exception::DataAbort | Exception::InstructionAbort)) => Row::of::<El0Abort>(),
        (Level::El0, Some(Exception::Brk)) => Row::of::<El0Brk>(),
        (Level::El0, Some(Exception::Step)) => Row::of::<El0Step>(),
        (Level::El0, Some(Exception::Breakpoint)) => Row::of::<El0Breakpoint>(),
        (Level::El0, Some(Exception::Watchpoint)) => Row::of::<El0Watchpoint>(),
        (Level::El0, Some(Exception::Undefined)) => Row::of::<El0Undefined>(),
        (Level::El0, Some(Exception::Irq)) => Row::of::<El0Irq>(),
        (Level::El0, Some(Exception::Fiq)) => Row::of::<El0Fiq>(),
        (Level::El0, Some(Exception::CorrectedError | Exception::ContainedError | Exception::UncorrectedError)) => {
            Row::of::<El0Serror>()
        }
        (Level::El0, _) => Row::of::<El0Unhandled>(),
        (Level::El1, Some(Exception::DataAbort | Exception::InstructionAbort)) => Row::of::<El1Abort>(),
        (Level::El1, Some(Exception::Irq)) => Row::of::<El1Irq>(),
        (Level::El1, Some(Exception::Fiq)) => Row::of::<El1Fiq>(),
        (Level::El1, Some(Exception::Nmi | Exception::FiqNmi)) => Row::of::<El1Nmi>(),
        (Level::El1, Some(Exception::Brk)) => Row::of::<El1Brk>(),
        (Level::El1, Some(Exception::Breakpoint)) => Row::of::<El1Breakpoint>(),
        (Level::El1, Some(Exception::Watchpoint)) => Row::of::<El1Watchpoint>(),
        (Level::El1, Some(Exception::Step)) => Row::of::<El1Step>(),
        (Level::El1, Some(Exception::CorrectedError | Exception::UncorrectedError)) => Row::of::<El1Serror>(),
        (Level::El1, _) => Row::of::<El1Undefined>(),
    };
    row.prepares
}
