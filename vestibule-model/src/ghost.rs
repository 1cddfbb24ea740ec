//! What the model remembers about an exception and the code under test does not: how everything was when it came, and how
//! far it has come.

use crate::cpu::{Level, Masks, Owner, Pstate};
use crate::op::{Cell, Stack};
use crate::shadow::Shadow;
use crate::world::World;

/// Everything that an exception must find again when it returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// What was masked.
    pub masks: Masks,
    /// Interrupts that were acknowledged and had not ended.
    pub active: u8,
    /// The exception level.
    pub level: Level,
    /// The stack in use.
    pub stack: Stack,
    /// All of PSTATE.
    pub pstate: Pstate,
    /// Where in it.
    pub stack_pointer: u64,
    /// Where it was.
    pub pc: u64,
    /// What stands for its registers.
    pub token: u64,
    /// The current task's counts, without its flags.
    pub counts: u64,
    /// Somebody watches.
    pub watching: bool,
    /// How deep tracking thinks that it is.
    pub nesting: u64,
    /// What tracing believes.
    pub belief: u64,
    /// The user's stack pointer.
    pub sp_el0: u64,
    /// The task that was current.
    pub task: usize,
    /// Whose breakpoint and watchpoint were there.
    pub points: [Owner; 2],
    /// A step was wanted.
    pub stepped: bool,
}

/// The low half of a task word: its counts, and the idle task's mark.
pub const COUNTS: u64 = 0x8000_0000_ffff_ffff;
/// An interrupt's handler, as the word counts it.
pub(crate) const HARDIRQ: u64 = 1 << 16;

impl World {
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            masks: self.cpu.masks(),
            active: self.environment.active,
            level: self.cpu.pstate.level,
            stack: self.stack(),
            pstate: self.cpu.pstate,
            stack_pointer: self.task().stack_pointer,
            token: self.task().activations.last().map_or(0, |top| top.shadow.1),
            pc: self.cpu.pc,
            counts: self.value(Cell::Word(self.current)) & COUNTS,
            watching: self.value(Cell::Watching) & 1 != 0,
            nesting: self.value(Cell::Nesting),
            belief: self.value(Cell::Belief),
            sp_el0: self.cpu.sp_el0,
            task: self.current,
            points: self.cpu.points,
            stepped: self.cpu.step,
        }
    }
}

impl Snapshot {
    /// As a part of the history of the exception that found it.
    pub(crate) fn told(&self, shadow: Shadow) -> Shadow {
        let debug = self.points.iter().fold(u64::from(self.stepped), |code, owner| code << 2 | *owner as u64);
        let where_in = (self.stack as u64) << 1 | u64::from(self.watching) | debug << 3;
        let state = self.pstate.to_spsr() | where_in << 40 | u64::from(self.masks.pmr) << 48;
        shadow.and(state).and(self.counts).and(self.nesting ^ self.belief << 56)
    }
}

/// How far an exception has come.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Ghost {
    /// Which banked registers it has read: a bit for each.
    pub read: u8,
    /// Something has been opened since it came.
    pub opened: bool,
    /// Its body has begun.
    pub body: bool,
    /// Its body is over.
    pub ran: bool,
    /// Everything has been masked again after that.
    pub masked: bool,
    /// The return state is being put back.
    pub restoring: bool,
    /// It was told that somebody must watch: a change of tracking.
    pub tracked: bool,
    /// What the last look at the word said.
    pub looked: Option<u64>,
    /// It has looked for work at all. No part of the state: it looks in each round or in none.
    pub prepared: bool,
    /// How often it has looked since it masked everything.
    pub looks: u8,
    /// Which work it has come to, on the way to user mode.
    pub work: u8,
    /// Who traces it has seen it come: 1, and end: 2.
    pub traced: u8,
    /// What is to become of it.
    pub outcome: Outcome,
    /// Its vector has found out that it is an NMI.
    pub nmi: bool,
    /// The kernel's own code runs: a body, or work.
    pub inside: bool,
    /// The scheduler runs, and the task switch.
    pub scheduling: bool,
}

/// What a system call, or any other exception, is to end with.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Everything as it came.
    #[default]
    AsItCame,
    /// It was made, and has its result.
    Made,
    /// It was not made, and has the tracer's result.
    Skipped,
    /// A signal interrupted it, and nobody has decided yet.
    Interrupted,
    /// It failed with EINTR.
    Failed,
    /// It is made again.
    Again,
    /// It was a signal's return, to code whose X0 looks like an interrupted call's.
    Returned,
}

impl Ghost {
    pub(crate) fn code(&self) -> u64 {
        let bits = [self.opened, self.body, self.ran, self.masked, self.restoring, self.tracked, self.nmi];
        let flags = bits.iter().fold(u64::from(self.read), |code, bit| code << 1 | u64::from(*bit));
        flags << 32
            ^ u64::from(self.work) << 24
            ^ u64::from(self.looks) << 28
            ^ (self.outcome as u64 | u64::from(self.traced) << 4) << 48
            ^ self.looked.map_or(0, |word| (word >> 32) << 1 | 1)
    }
}
