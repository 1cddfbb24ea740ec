//! A user's task that is stepped: what the CPU does about it, and what whoever asked for it expects.

use vestibule::{Cpu as Token, Process};
use vestibule_arm64::{Arm64Port, Backend, Bodies, Frame, entry, step as port};

use crate::cpu::{D, Pstate};
use crate::event::Exception;
use crate::hardware::Simulated;
use crate::kernel::{Flavour, Reference};
use crate::op::Op;
use crate::step::{choose, step};
use crate::vector::{first_by, take};
use crate::world::{World, with};

/// What a task's tracer expects of it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Stepped {
    /// It is not stepped.
    #[default]
    No,
    /// It executes one instruction.
    Unexecuted,
    /// It has, and comes back.
    Executed,
}

/// A task's first return, stepped.
pub(crate) fn first<P>(cpu: Token<P::Kernel, Process>)
where
    P: Arm64Port<Kernel: Bodies<Backend: Backend<Hardware = Simulated>>>,
{
    first_by(|frame| {
        port::begin(&cpu, frame);
        expects(Stepped::Unexecuted);
        // SAFETY: what the assembly would restore from this frame is restored by `first_by`.
        unsafe { entry::first::<P>(cpu, frame) }
    });
}

/// User mode: a stepped task comes back when its instruction has been executed, and before the next.
pub(crate) fn in_user_mode(again: impl Fn()) {
    loop {
        again();
        with(World::compute);
        step(Op::Kernel("user code"), 0);
        if with(|world| world.cpu.step && !world.cpu.pstate.ss) {
            take(Exception::Step);
            continue;
        }
        match choose(4) {
            0 => return,
            1 => take(Exception::Svc),
            2 => take(Exception::DataAbort),
            _ => with(World::execute),
        }
    }
}

/// What a tracer may do with a task that stops: step it, step it no longer, or have it go on in a signal's handler.
pub(crate) fn chooses<F: Flavour>(
    cpu: Token<Reference<F>, Process>,
    frame: &mut Frame,
) -> Token<Reference<F>, Process> {
    match choose(4) {
        1 => {
            port::begin(&cpu, frame);
            expects(Stepped::Unexecuted);
        }
        2 => {
            port::end(&cpu, frame);
            expects(Stepped::No);
        }
        3 => {
            port::over(frame);
            with(World::execute_expected);
        }
        _ => {}
    }
    cpu
}

fn expects(stepped: Stepped) {
    with(|world| world.tasks[world.current].stepped = stepped);
}

impl World {
    /// An instruction of user mode.
    fn execute(&mut self) {
        self.cpu.pstate.ss = false;
        self.execute_expected();
    }

    fn execute_expected(&mut self) {
        let current = self.current;
        let stepped = &mut self.tasks[current].stepped;
        if *stepped == Stepped::Unexecuted {
            *stepped = Stepped::Executed;
        }
    }

    /// What user mode is left by. A system call counts as executed when it comes; Arm ARM D2.12.5.
    pub(crate) fn leave_user_mode(&mut self, exception: Exception) {
        match exception {
            Exception::Svc => self.execute(),
            Exception::Step => {
                let current = self.current;
                self.tasks[current].stepped = Stepped::No;
            }
            _ => {}
        }
    }

    /// A state's part.
    pub(crate) fn step_code(&self) -> u64 {
        let cpu = u64::from(self.cpu.step) | u64::from(self.cpu.step_in_effect) << 1;
        let task = |task: usize| self.tasks[task].stepped as u64 | self.value(crate::op::Cell::Step(task)) << 2;
        (0..self.tasks.len()).fold(cpu, |code, number| code << 3 | task(number))
    }

    /// The kernel opens these.
    pub(crate) fn check_opens_debug(&mut self, opened: u8) {
        if opened & D != 0 {
            let clear = !self.cpu.step && !self.cpu.step_in_effect;
            self.check(12, clear, "debug exceptions open in the kernel with MDSCR.SS set");
        }
    }

    /// User mode is stepped exactly if that was asked for, and has executed its instruction or not.
    pub(crate) fn check_stepped(&mut self) {
        let expected = self.task().stepped;
        self.check(12, self.cpu.step == (expected != Stepped::No), "user mode is stepped other than asked for");
        let unexecuted = Pstate::from_spsr(self.cpu.spsr).is_some_and(|pstate| pstate.ss);
        let right = unexecuted == (expected == Stepped::Unexecuted);
        self.check(128, right, "a step is of no instruction, or of two");
    }
}
