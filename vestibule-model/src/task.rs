//! Tasks, the exceptions that each is in, and what of them is a part of a state.

use crate::event::Exception;
use crate::ghost::{Ghost, Snapshot};
use crate::shadow::Shadow;
use crate::stepping::Expected;

/// An exception that has not returned yet, or the task's own program below all of them.
#[derive(Clone, Copy)]
pub struct Activation {
    /// What it came as; `None` is the program.
    pub exception: Option<Exception>,
    /// Everything that its code has been told so far: what stands for its locals and its place.
    pub shadow: Shadow,
    /// What it was when it came: where it interrupted what, and how everything was.
    pub entry: Shadow,
    /// Its history begins with what it can see, and not with that of what it interrupted: it leaves no trace there.
    pub apart: bool,
    /// The same, since its exit masked everything.
    pub masked: Shadow,
    /// A round of the exit's loop has begun and not come to its mask.
    pub in_round: bool,
    /// The shadow before the first turn of a loop that reschedules.
    pub turn: Option<Shadow>,
    /// Its frame.
    pub frame: usize,
    /// How everything was when it came.
    pub before: Snapshot,
    /// How everything was when the part of it began that counts as an NMI.
    pub unit: Option<Snapshot>,
    /// What its body left in the frame.
    pub frame_left: u64,
    /// ESR and FAR as it found them.
    pub banks: [u64; 2],
    /// What is known about how far it has come.
    pub ghost: Ghost,
}

/// A task.
#[derive(Default)]
pub struct Task {
    /// Its program, and the exceptions in it.
    pub activations: Vec<Activation>,
    /// Its stack pointer, while it runs or since it was switched from.
    pub stack_pointer: u64,
    /// Wants to run.
    pub runnable: bool,
    /// What it runs first.
    pub start: Option<Start>,
    /// A user's task gave the CPU away by itself: what is written to it meanwhile, it finds.
    pub slept: bool,
    /// What is expected of its steps and breakpoints.
    pub expected: Expected,
}

impl Task {
    /// Becomes what another is, with the room that it has.
    pub(crate) fn copy_from(&mut self, other: &Task) {
        let Task { activations, stack_pointer, runnable, start, slept, expected } = other;
        self.activations.clone_from(activations);
        (self.stack_pointer, self.runnable, self.start) = (*stack_pointer, *runnable, *start);
        (self.slept, self.expected) = (*slept, *expected);
    }

    /// As a part of a state: how far each of its exceptions has come, and what the innermost was told, whose history begins with
    /// that of the one below it. Of one that stands apart it does not.
    pub(crate) fn told(&self, state: Shadow) -> Shadow {
        let below = self.activations.iter().zip(self.activations.iter().skip(1)).filter(|(_, above)| above.apart);
        let state = below.fold(state, |state, (below, _)| state.and(below.shadow.0).and(below.shadow.1));
        told(&self.activations, state)
    }

    /// The same, of what can still be seen: nothing below the last one that stands apart.
    pub(crate) fn seen(&self, state: Shadow) -> Shadow {
        let first = self.activations.iter().rposition(|one| one.apart).unwrap_or(0);
        told(&self.activations[first..], state)
    }

    /// In an exception that leaves no trace.
    pub(crate) fn is_apart(&self) -> bool {
        self.activations.iter().any(|one| one.apart)
    }
}

impl Activation {
    /// In a body, the scheduler, a round of the exit's loop, a loop that reschedules.
    fn place(&self) -> u64 {
        let Ghost { inside, scheduling, .. } = self.ghost;
        [inside, scheduling, self.in_round, self.turn.is_some()].iter().fold(0, |code, bit| code << 1 | u64::from(*bit))
    }
}

fn told(activations: &[Activation], state: Shadow) -> Shadow {
    let state = activations.iter().fold(state, |state, one| state.and(one.ghost.code() ^ one.place() << 56));
    activations.last().map_or(state, |top| state.and(top.shadow.0).and(top.shadow.1))
}

/// What a new task runs, with its two arguments.
pub type Start = (extern "C" fn(usize, usize) -> !, usize, usize);
