//! Where the kernel's own code begins and ends: what it was promised is looked at there, and what it did is forgotten,
//! because nothing but the frame and the machine carries it to the code that called.

use vestibule::{Broken, Call, Why};
use vestibule_arm64::Frame;

use crate::cpu::Masks;
use crate::ghost::{COUNTS, Outcome};
use crate::op::{Cell, Op};
use crate::shadow::Shadow;
use crate::step::step;
use crate::verdict::{End, Violation};
use crate::world::{IDLE, World, with};

/// What the library promises a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Promise {
    /// Everything open, on the task's stack, watched.
    User,
    /// As it was interrupted.
    Inherited,
    /// Interrupts masked, counted, on the interrupt stack.
    Hardirq,
    /// NMIs masked too, counted as an NMI, on the interrupt stack.
    Nmi,
    /// Everything open, counted as a soft interrupt.
    Softirq,
    /// Everything masked.
    Critical,
    /// Everything masked but debug exceptions.
    Error,
}

/// How it was when a hook began.
#[derive(Clone, Copy)]
pub(crate) struct Begun {
    shadow: Shadow,
    masks: Masks,
    inside: bool,
    counts: u64,
    frame: u64,
}

/// A body of the kernel, from its first instruction to its last.
pub fn within<R>(what: &'static str, promise: Promise, frame: &mut Frame, body: impl FnOnce() -> R) -> R {
    changing(what, promise, frame, |_| body())
}

/// One that changes its frame.
pub fn changing<R>(what: &'static str, promise: Promise, frame: &mut Frame, body: impl FnOnce(&mut Frame) -> R) -> R {
    let begun = with(|world| world.begin_body(promise, frame));
    step(Op::Kernel(what), 0);
    let result = body(frame);
    with(|world| world.end_body(begun, promise, frame));
    step(Op::Kernel("(done)"), 0);
    result
}

/// Work on the way to user mode.
pub fn hook<R>(what: &'static str, frame: &mut Frame, work: impl FnOnce(&mut Frame) -> R) -> R {
    with(World::begin_round);
    with(|world| world.check_work(what));
    changing(what, Promise::User, frame, work)
}

/// Who traces a system call, before it is made.
pub fn traces_entry<R>(frame: &mut Frame, work: impl FnOnce(&mut Frame) -> (R, Call)) -> (R, Call) {
    let before = with(|world| world.begin_tracing(1));
    step(Op::Kernel("traced: entry"), 0);
    let (result, call) = work(frame);
    with(|world| world.end_tracing(before, frame, call));
    (result, call)
}

/// And when it is over.
pub fn traces_exit<R>(frame: &mut Frame, work: impl FnOnce() -> R) -> R {
    let before = with(|world| world.begin_tracing(2));
    step(Op::Kernel("traced: exit"), 0);
    let result = work();
    with(|world| world.end_tracing(before, frame, Call::Make));
    result
}

/// What is to become of the innermost exception from here on.
pub fn becomes(outcome: Outcome) {
    with(|world| world.top().ghost.outcome = outcome);
}

/// The scheduler, from its first instruction to its last: every kernel's calls itself so.
pub fn scheduling<R>(why: Why, schedule: impl FnOnce() -> R) -> R {
    let begun = with(|world| world.begin_schedule(why));
    let result = schedule();
    with(|world| world.end_schedule(begun, why));
    result
}

/// Code that carries nothing out but its result, `told` of which is what its caller can learn.
pub fn forget<R>(told: impl FnOnce(&R) -> u64, code: impl FnOnce() -> R) -> R {
    let before = with(|world| world.innermost().shadow);
    let result = code();
    let told = told(&result);
    with(|world| world.top().shadow = before.and(told | 0xf0_6e70_0000));
    result
}

/// Nobody can go on.
pub fn dies(what: &'static str, frame: &Frame) -> ! {
    with(|world| world.check_death(frame));
    step(Op::Kernel(what), 0);
    with(|world| world.end = world.end.or(Some(End::Died)));
    crate::fibers::stop()
}

/// Of a frame, what a body may change.
fn told(frame: &Frame) -> u64 {
    [frame.regs[0], frame.pc, frame.pstate, frame.sp, frame.syscall]
        .iter()
        .fold(0, |told, value| (told ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31))
}

impl World {
    fn begun(&self, frame: u64) -> Begun {
        Begun {
            frame,
            shadow: self.innermost().shadow,
            masks: self.masks(),
            inside: self.innermost().ghost.inside,
            counts: self.value(Cell::Word(self.current)) & COUNTS,
        }
    }

    fn begin_body(&mut self, promise: Promise, frame: &Frame) -> Begun {
        if self.live {
            self.check_body_begins(promise, frame);
            let top = self.top();
            // A handler that comes to its body knows what it knew when it came.
            if top.exception.is_some() && promise != Promise::Softirq && !top.in_round {
                top.shadow = top.entry.and(promise as u64 | 0xb0d_0000);
            }
        }
        let begun = self.begun(told(frame));
        self.top().ghost.inside = true;
        begun
    }

    fn end_body(&mut self, begun: Begun, promise: Promise, frame: &Frame) {
        if !self.live || self.end.is_some() {
            return;
        }
        self.check(13, self.masks() == begun.masks, "a body is left with other masks than it began with");
        let counts = self.value(Cell::Word(self.current)) & COUNTS;
        self.check(116, counts == begun.counts, "a body left other counts than it found");
        self.check_body_ends(promise);
        let top = self.top();
        top.ghost.inside = begun.inside;
        top.frame_left ^= begun.frame ^ told(frame);
        top.shadow = begun.shadow.and(top.frame_left).and(0xb0d1);
    }

    fn begin_tracing(&mut self, which: u8) -> Shadow {
        self.check_traced(which);
        self.top().ghost.traced |= which;
        self.innermost().shadow
    }

    fn end_tracing(&mut self, before: Shadow, frame: &Frame, call: Call) {
        let top = self.top();
        top.frame_left = told(frame);
        top.shadow = before.and(top.frame_left).and(call as u64 | 0x7ace_0000);
        if call == Call::Skip {
            (top.ghost.ran, top.ghost.outcome) = (true, Outcome::Skipped);
        }
    }

    /// A round of an exit's loop begins.
    pub(crate) fn begin_round(&mut self) {
        self.top().in_round = true;
    }

    fn begin_schedule(&mut self, why: Why) -> Begun {
        if matches!(why, Why::KernelExit(_) | Why::UserExit) {
            self.begin_round();
        }
        let current = self.current;
        self.tasks[current].slept = why == Why::Asked && self.has_fpsimd(current);
        if self.live && matches!(why, Why::KernelExit(_)) {
            let top = self.top();
            top.shadow = top.entry.and(top.frame_left).and(0x5c4e_d000);
        }
        let begun = self.begun(0);
        (self.top().ghost.inside, self.top().ghost.scheduling) = (false, true);
        if self.live {
            self.check_schedule(why);
        }
        begun
    }

    fn end_schedule(&mut self, begun: Begun, why: Why) {
        if !self.live || self.end.is_some() {
            return;
        }
        self.check(37, self.is_in(vestibule::Level::NoIrq), "the scheduler comes back with other masks");
        let counts = self.value(Cell::Word(self.current)) & COUNTS;
        self.check(116, counts == begun.counts, "the scheduler comes back with other counts");
        let top = self.top();
        (top.ghost.inside, top.ghost.scheduling) = (begun.inside, false);
        let before = match why {
            Why::PreemptionEnabled => *top.turn.get_or_insert(begun.shadow),
            _ => begun.shadow,
        };
        top.shadow = before.and(0x5c4e_d01e);
    }

    /// The running task waits to be woken.
    pub(crate) fn sleep(&mut self) {
        let current = self.current;
        if self.live && current != IDLE {
            self.tasks[current].runnable = false;
        }
    }

    /// A task that sleeps is woken; `false` if there is none.
    pub(crate) fn wake(&mut self) -> bool {
        let sleeper = self.tasks[..IDLE].iter_mut().find(|task| !task.runnable);
        sleeper.map(|task| task.runnable = true).is_some()
    }

    /// The library's own check has failed.
    pub(crate) fn broken(&mut self, what: Broken) {
        self.fired.failed[usize::from(what.constraint)] += 1;
        if self.end.is_none() {
            self.end = Some(End::Broken(Violation { constraint: what.constraint, what: what.at }));
        }
    }

    /// One of the model's own checks.
    #[inline]
    pub(crate) fn check(&mut self, constraint: u16, holds: bool, what: &'static str) {
        if !self.live {
            return;
        }
        self.fired.asked[usize::from(constraint)] += 1;
        if !holds {
            self.fired.failed[usize::from(constraint)] += 1;
            if self.end.is_none() {
                self.end = Some(End::Broken(Violation { constraint, what }));
            }
        }
    }
}
