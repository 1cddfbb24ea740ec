//! What the kernel's own code is promised, and what it has to keep: bodies, work, the scheduler, stacks.

use vestibule::Level as Context;
use vestibule::{Flags, Why};
use vestibule_arm64::{Frame, NO_SYSCALL};

use super::{BELIEF_OFF, COUNT, HARDIRQ, NMI, PREEMPT, RESCHED, SOFTIRQ};
use crate::cpu::{A, D, Level};
use crate::event::Exception;
use crate::ghost::{COUNTS, Ghost, Outcome, Snapshot};
use crate::observe::Promise;
use crate::op::{Cell, Stack};
use crate::vector::registers;
use crate::world::{IDLE, World, stack_of};

impl World {
    pub(crate) fn check_body_begins(&mut self, promise: Promise, frame: &Frame) {
        let top = self.innermost();
        let (ghost, was, exception) = (top.ghost, top.before, top.exception);
        let in_round = top.in_round;
        let Some(exception) = exception else { return };
        if exception == Exception::Svc && promise == Promise::User && !in_round {
            self.check_call(&ghost);
        }
        let told = exception.is_point() && promise == Promise::User && was.level == Level::El0 && !in_round;
        if told {
            // Its second body.
            (self.top().ghost.ran, self.top().ghost.masked) = (false, false);
        } else if ghost.ran && promise == Promise::User {
            return;
        }
        self.check(15, ghost.tracked || !self.design.tracked, "the body comes before the entry step");
        self.check_promise(promise, &was);
        self.check_tags_of_body();
        if promise != Promise::Softirq {
            self.check_frame(exception, &was, frame);
            self.top().ghost.body = true;
        }
    }

    /// Who traces a system call has seen it, and does not keep it from being made.
    fn check_call(&mut self, ghost: &Ghost) {
        if ghost.outcome == Outcome::Again {
            return;
        }
        self.check_tags_of_call();
        let unseen = self.word() & Flags::SYSCALL_ENTRY.bits() != 0 && ghost.traced & 1 == 0;
        self.check(64, !unseen, "a system call is made, and who traces it has not seen it");
        self.check(63, ghost.outcome != Outcome::Skipped, "a system call is made that its tracer skipped");
    }

    /// Who goes on after an SError is whom its syndrome lets.
    pub(crate) fn check_serror(&mut self, survived: Exception) {
        let exception = self.innermost().exception;
        self.check(129, exception == Some(survived), "an SError is survived that is not, or by another");
    }

    /// Who delivers a signal finds a system call that it interrupted, if nobody has decided about it.
    pub(crate) fn check_decision(&mut self, found: bool) {
        let undecided = self.innermost().ghost.outcome == Outcome::Interrupted;
        self.check(61, found == undecided, "a system call is decided about that is none, or has been, or is not");
    }

    /// Who traces a system call sees it before it is made, 1, and when it is over, 2.
    pub(crate) fn check_traced(&mut self, which: u8) {
        let top = self.innermost();
        let (ghost, svc) = (top.ghost, top.exception == Some(Exception::Svc));
        let constraint = if which == 1 { 64 } else { 65 };
        self.check(constraint, svc, "what is traced is no system call");
        self.check(65, self.is_in(Context::Process), "who traces a system call runs with something masked");
        self.check(65, ghost.traced & which == 0, "who traces a system call is told twice");
        if which == 1 {
            self.check(64, !ghost.ran && !ghost.body, "who traces a system call is told of it when it has been made");
        } else {
            self.check(
                65,
                ghost.ran && !ghost.masked,
                "who traces a system call is told of its end elsewhere than there",
            );
        }
    }

    fn check_promise(&mut self, promise: Promise, was: &Snapshot) {
        let counts = self.word() & COUNTS;
        let from_user = was.level == Level::El0;
        let idle = self.current == IDLE;
        match promise {
            Promise::User => {
                self.check(
                    7,
                    self.is_in(Context::Process),
                    "the body of an exception from user mode has something masked",
                );
                self.check(34, self.stack() == Stack::Task, "what may sleep is on another stack than the task's");
                self.check(116, counts & COUNT == 0, "user mode had counts");
            }
            Promise::Inherited => {
                self.check(6, self.masks() == was.masks, "the body has other masks than what was interrupted");
                self.check(116, counts == was.counts, "a fault changes the counts");
            }
            Promise::Hardirq => {
                self.check_nmis_open();
                self.check(8, self.is_in(Context::NoIrq), "an interrupt's body has other masks");
                self.check_irq_stack(was);
                self.check(117, counts == was.counts + HARDIRQ, "an interrupt's body does not count");
            }
            Promise::Nmi => {
                self.check(8, self.is_in(Context::NoNmi), "an NMI's body has other masks");
                self.check_irq_stack(was);
                self.check(81, counts == was.counts + NMI + HARDIRQ, "an NMI's body does not count as one");
            }
            Promise::Softirq => {
                self.check(118, self.is_in(Context::Process), "soft interrupts run with something masked");
                let alone = counts & (HARDIRQ * 0xff) == 0 && (counts / SOFTIRQ) & 0xff == 1;
                self.check(118, alone, "soft interrupts run inside another interrupt");
                self.check(118, self.environment.active == 0, "soft interrupts run before the end of the interrupt");
            }
            Promise::Error => {
                self.check(9, self.is_in(Context::Error), "an SError's body has other masks");
                self.check(81, counts == was.counts + NMI + HARDIRQ, "an SError's body does not count as NMI-like");
            }
            Promise::Critical => {
                let (masked, counted) = if from_user { (11, 11) } else { (10, 72) };
                self.check(masked, self.is_in(Context::Critical), "a debug exception's body has something open");
                self.check(counted, counts == was.counts + PREEMPT, "a debug exception's body does not count");
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

    /// What an interrupt's bodies have in common.
    fn check_irq_stack(&mut self, was: &Snapshot) {
        let own = was.stack == Stack::Task || was.level == Level::El0;
        let stack = if own { Stack::Irq } else { was.stack };
        self.check(108, self.stack() == stack, "an interrupt's body is on the wrong stack");
        self.check(96, self.cpu.synchronised, "an interrupt's body sees registers as they were before it came");
    }

    fn check_frame(&mut self, exception: Exception, was: &Snapshot, frame: &Frame) {
        let from_user = was.level == Level::El0;
        let again = self.innermost().ghost.outcome == Outcome::Again;
        let place = if again { was.pc.wrapping_sub(4) } else { was.pc };
        self.check(4, frame.pc == place, "the frame has another ELR");
        self.check(4, frame.pstate == was.pstate.to_spsr(), "the frame has another SPSR");
        self.check(4, frame.from_user() == from_user, "the frame tells another exception level");
        if let Some(syndrome) = exception.syndrome(from_user, was.token) {
            self.check(4, frame.syndrome == syndrome, "the frame has another ESR");
        }
        if exception.has_address() {
            self.check(4, frame.fault_address == was.token & 0xffff_ffff_f000, "the frame has another FAR");
        }
        if from_user {
            let svc = exception == Exception::Svc && !again;
            let number = if svc { frame.regs[8] } else { NO_SYSCALL };
            let first = !svc || frame.first_argument == registers(was.token)[0];
            self.check(61, first, "the frame has not kept the system call's first argument");
            self.check(115, frame.syscall == number, "the frame does not say whether it is a system call");
            self.check(4, frame.sp == was.sp_el0, "the frame has another SP_EL0");
        }
    }

    pub(crate) fn check_body_ends(&mut self, promise: Promise) {
        if promise == Promise::Hardirq {
            self.check(25, self.masks_irqs(), "a handler opened interrupts");
        }
        if promise != Promise::Softirq {
            let masked = self.is_masked();
            let top = self.top();
            top.ghost.ran = true;
            top.ghost.masked |= masked;
        }
    }

    /// An interrupt that was withdrawn has no body: what comes next is what comes after one.
    pub(crate) fn no_body(&mut self) {
        let top = self.top();
        top.ghost.body = true;
        top.ghost.ran = true;
    }

    /// Work on the way to user mode.
    pub(crate) fn check_work(&mut self, what: &str) {
        self.check(52, !self.masks_irqs(), "work runs with interrupts off");
        self.check(51, self.is_in(Context::Process), "work runs with something masked");
        let place = ["signal", "notify-resume", "other work"].iter().position(|name| *name == what).unwrap_or(0) as u8;
        let ghost = self.innermost().ghost;
        self.check(54, ghost.work <= place, "work in another order");
        self.top().ghost.work = place + 1;
        self.top().ghost.looked = None;
    }

    pub(crate) fn check_may_sleep(&mut self) {
        self.check(71, self.current != IDLE, "the idle task is allowed to sleep in a fault");
        self.check(6, self.is_in(Context::Process), "a fault is allowed to sleep with something masked");
        self.check(116, self.word() & COUNT == 0, "a fault is allowed to sleep with preemption off");
    }

    pub(crate) fn check_schedule(&mut self, why: Why) {
        let (daif, word) = (self.masks().daif, self.word());
        let top = self.innermost();
        let (ghost, was) = (top.ghost, top.before);
        let traceless = self.task().activations.iter().find_map(|one| one.exception.filter(|_| one.leaves_no_trace()));
        self.check(84, traceless.is_none_or(Exception::is_debug), "the scheduler runs in an NMI-like exception");
        self.check(35, traceless.is_none(), "the scheduler runs in a debug exception");
        self.check(29, daif & (D | A) == 0, "the scheduler is entered with SError or debug exceptions masked");
        let nmis = self.design.backend.has_nmis() && self.design.backend.masks_nmis(self.masks());
        self.check(29, !nmis, "the scheduler is entered with NMIs masked");
        self.check(28, self.is_in(Context::NoIrq), "the scheduler is entered with interrupts open");
        self.check(34, self.stack() == Stack::Task, "the scheduler runs on another stack than the task's");
        self.check(116, word & COUNT == 0, "the scheduler is entered with counts");
        self.check(75, self.believes(BELIEF_OFF), "the scheduler is entered with interrupts believed on");
        self.check(126, self.watched(), "the scheduler is entered while nobody watches");
        self.check(69, self.watched(), "the scheduler is entered while nobody watches");
        self.check(117, self.environment.active == 0, "the scheduler is entered before the end of the interrupt");
        match why {
            Why::KernelExit(_) => {
                self.check(30, !was.masks.irqs(), "code with interrupts off is preempted");
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
        self.check_pmr_at_switch();
        self.check(109, self.is_masked(), "tasks are switched with something open");
        self.check(34, self.stack() == Stack::Task, "tasks are switched on another stack than the task's");
        self.check(110, from == self.current, "a task is switched from that does not run");
    }

    pub(crate) fn check_stack_move(&mut self, to: u64) {
        self.check(109, self.is_masked(), "the stack changes with something open");
        self.check(108, stack_of(to) != self.stack(), "the stack changes to the one in use");
    }
}
