//! The vectors: what the hardware and the assembly do around the port's entry functions, which are the shipped ones.

use vestibule::{Cpu as Token, Process};
use vestibule_arm64::{Arm64Port, Frame, STACK_SHIFT, STACK_SIZE, entry};

use crate::cpu::Level;
use crate::design::Vector;
use crate::event::Exception;
use crate::op::Op;
use crate::shadow::Shadow;
use crate::step::step;
use crate::world::{OVERFLOW_STACK, World, stack_top, with};

const FRAME: u64 = size_of::<Frame>() as u64;

/// Takes an exception now, runs its handler, and returns from it.
pub fn take(exception: Exception) {
    handle(exception);
    while with(World::steps_over) {
        handle(Exception::Step);
    }
}

fn handle(exception: Exception) {
    let mut frame = Frame::default();
    let address = core::ptr::from_ref(&frame).addr();
    let vector = with(|world| world.take(exception, &mut frame, address));
    step(Op::Take(exception), 0);
    // SAFETY: as `vestibule_arm64::entry` wants it: everything is masked, and the frame is this exception's alone.
    unsafe { vector(&mut frame) };
    with(|world| world.return_from(&frame));
}

/// Where user mode begins.
pub(crate) const FIRST_PC: u64 = 0x40_0000;
/// And on which stack.
pub(crate) const FIRST_SP: u64 = 0x7fff_0000;

/// A task's first return: to user mode, where it has never been.
pub(crate) fn first<P: Arm64Port>(cpu: Token<P::Kernel, Process>) {
    // SAFETY: what the assembly would restore from this frame is restored by `first_by`.
    first_by(|frame| unsafe { entry::first::<P>(cpu, frame) });
}

/// The same, left by something else.
pub(crate) fn first_by(leave: impl FnOnce(&mut Frame)) {
    let mut frame = Frame::for_user(FIRST_PC, FIRST_SP);
    let address = core::ptr::from_ref(&frame).addr();
    with(|world| world.top().frame = address);
    leave(&mut frame);
    with(|world| world.first_return(&frame));
}

impl World {
    fn take(&mut self, exception: Exception, frame: &mut Frame, address: usize) -> Vector {
        let from_user = self.cpu.pstate.level == Level::El0;
        if from_user {
            self.leave_user_mode(exception);
        } else {
            self.note_stepped_over(exception);
        }
        let apart = self.limits.reductions.lossless() && !from_user && exception.leaves_no_trace();
        let interrupted = if apart { self.snapshot().told(Shadow::of(0xa9a7)) } else { self.innermost().shadow };
        // Where it was is what it had been told.
        self.cpu.pc = interrupted.0;
        let mut new = self.activation(Some(exception), interrupted.and(exception as u64 | 0xe000_0000), address);
        (new.apart, new.before.token) = (apart, interrupted.1);
        let shadow = new.before.told(new.shadow);
        self.check_take(exception);
        self.tasks[self.current].activations.push(crate::task::Activation {
            shadow,
            entry: shadow,
            masked: shadow,
            ..new
        });
        self.deepest = self.deepest.max(self.depth());
        let address = exception.has_address().then_some(interrupted.1 & 0xffff_ffff_f000);
        self.cpu.take(exception.syndrome(from_user, interrupted.1), address);
        self.tagging.synchronise(true);
        self.cpu.pstate.daif &= !self.design.taking_leaves_open;
        self.top().banks = [self.cpu.esr, self.cpu.far];
        frame.regs = registers(interrupted.1);
        let stack_pointer = if from_user { stack_top(self.current) } else { self.task().stack_pointer } - FRAME;
        self.tasks[self.current].stack_pointer = stack_pointer;
        let quarter = exception.route() as usize;
        if stack_pointer >> STACK_SHIFT & 1 != 0 {
            frame.sp = stack_pointer + FRAME;
            self.tasks[self.current].stack_pointer = OVERFLOW_STACK + STACK_SIZE - FRAME;
            return self.design.overflow[usize::from(exception.syndrome(from_user, 0).is_none())];
        }
        if from_user { self.design.el0[quarter] } else { self.design.el1[quarter] }
    }

    fn return_from(&mut self, frame: &Frame) {
        if self.end.is_some() {
            return;
        }
        self.steps += 1;
        self.check_return(frame);
        let legal = self.cpu.exception_return();
        self.tagging.synchronise(false);
        self.check(60, legal, "an illegal return");
        let left = self.tasks[self.current].activations.pop().expect("pushed by `take`");
        let from_user = left.before.level == Level::El0;
        if !from_user {
            self.tasks[self.current].stack_pointer += FRAME;
        }
        self.check_returned(&left);
        if left.exception == Some(Exception::Step) {
            self.stepped_over = None;
        }
        self.write_down(Op::Return);
    }

    fn first_return(&mut self, frame: &Frame) {
        if self.end.is_some() {
            return;
        }
        self.check_first_return(frame);
        self.cpu.exception_return();
        self.write_down(Op::Return);
    }

    pub(crate) fn move_stack(&mut self, to: u64) -> u64 {
        self.check_stack_move(to);
        std::mem::replace(&mut self.tasks[self.current].stack_pointer, to)
    }

    pub(crate) fn switch(&mut self, from: *const vestibule_arm64::Thread, to: *const vestibule_arm64::Thread) -> usize {
        let (from, to) = (self.task_of(from), self.task_of(to));
        self.check_switch(from);
        self.current = to;
        to
    }
}

/// What the interrupted code has in its general registers. X0, a system call's first argument, looks like the result of one that
/// was interrupted.
pub(crate) fn registers(token: u64) -> [u64; 31] {
    const ERESTARTNOINTR: u64 = 513;
    let mut registers = std::array::from_fn(|number| token.wrapping_mul(number as u64 * 2 + 1));
    registers[0] = ERESTARTNOINTR.wrapping_neg();
    registers
}
