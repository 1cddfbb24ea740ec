//! Decides what happens wherever more than one thing can. An execution is the few decisions in it that were not for
//! nothing; what else could have been decided, where nobody has been before, is what the search goes on with.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, Mutex};

use rustc_hash::FxHasher;

/// A decision for something. All others of an execution are for nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Choice {
    /// Which question it answers, from 0.
    pub position: u32,
    /// What was chosen, from 1.
    pub chosen: u8,
}

/// A question at which something else than nothing can be decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Open {
    /// Which.
    pub position: u32,
    /// Which answers there are besides nothing: bit n stands for answer n + 1.
    pub answers: u16,
    /// The state in which it was asked; 0 without comparing.
    pub state: u128,
    /// Of the answers, those that leave no trace.
    pub traceless: u16,
    /// What such an answer would see of the state, if there is one.
    pub sight: Option<u128>,
}

/// A question that was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "command", derive(serde::Serialize))]
pub struct Answered {
    /// With this; 0 is nothing.
    pub chosen: u8,
    /// Of so many.
    pub of: u8,
}

/// States that somebody has gone on from.
pub struct Seen(Vec<Mutex<HashSet<u128, BuildHasherDefault<FxHasher>>>>);

impl Seen {
    const SHARDS: usize = 256;

    /// None yet.
    pub fn new() -> Arc<Seen> {
        Arc::new(Seen((0..Seen::SHARDS).map(|_| Mutex::default()).collect()))
    }

    /// `false` if it was there.
    fn insert(&self, key: u128) -> bool {
        let shard = (key >> 64) as usize % Seen::SHARDS;
        self.0[shard].lock().expect("nobody panics with it").insert(key)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.iter().map(|shard| shard.lock().expect("nobody panics with it").len()).sum()
    }

    /// None at all?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a question's answer is.
pub enum Answer {
    /// This.
    This(u8),
    /// Somebody has gone on from here.
    Seen,
    /// Whoever goes on from here decides: the question is asked again when that is known.
    Wait,
}

/// The decisions of one execution.
#[derive(Default)]
pub struct Oracle {
    decided: Vec<Choice>,
    next: usize,
    position: u32,
    open: Vec<Open>,
    answered: Vec<Answered>,
    seen: Option<Arc<Seen>>,
    /// All questions before this one are answered with nothing, as before; at this one the execution waits.
    waits_at: Option<u32>,
    /// What to answer it with, and at which to wait next.
    given: Option<(u8, Option<u32>)>,
}

impl Oracle {
    /// One that compares states with `seen`; or not.
    pub fn new(seen: Option<Arc<Seen>>) -> Oracle {
        Oracle { seen, ..Oracle::default() }
    }

    /// The next execution has these decisions.
    pub fn decide(&mut self, decided: &[Choice]) {
        self.decided.clear();
        self.decided.extend_from_slice(decided);
        self.next = 0;
        self.position = 0;
        self.open.clear();
        self.answered.clear();
        (self.waits_at, self.given) = (None, None);
    }

    /// The execution that begins waits at this question.
    pub(crate) fn wait_at(&mut self, question: u32) {
        self.waits_at = Some(question);
    }

    /// The execution that waits has this answer, and waits again at that question, or is gone on with from here.
    pub(crate) fn answer(&mut self, chosen: u8, next: Option<u32>) {
        self.given = Some((chosen, next));
    }

    /// It waits again where it did, after so many decisions.
    pub(crate) fn back_at(&mut self, question: u32, decisions: usize) {
        (self.position, self.waits_at) = (question, Some(question));
        self.answered.truncate(question as usize);
        self.decided.truncate(decisions);
        self.next = decisions;
        self.open.clear();
    }

    /// Before the question at which it waits, and there.
    fn known(&mut self, position: u32, of: u8) -> Option<Answer> {
        let waits_at = self.waits_at?;
        let chosen = if position < waits_at {
            0
        } else {
            let Some((chosen, next)) = self.given.take() else { return Some(Answer::Wait) };
            self.waits_at = next;
            if chosen != 0 {
                self.decided.push(Choice { position, chosen });
                self.next = self.decided.len();
            }
            chosen
        };
        self.position += 1;
        self.answered.push(Answered { chosen, of });
        Some(Answer::This(chosen))
    }

    /// The next question has these answers besides nothing. Where nothing is decided yet, `state` is asked, and then `sight`.
    #[inline]
    pub fn ask(
        &mut self,
        (answers, traceless): (u16, u16),
        state: impl FnOnce() -> u128,
        sight: impl FnOnce() -> Option<u128>,
    ) -> Answer {
        let position = self.position;
        let of = 16 - answers.leading_zeros() as u8 + 1;
        if let Some(answer) = self.known(position, of) {
            return answer;
        }
        self.position += 1;
        if let Some(choice) = self.decided.get(self.next) {
            // Another design's decision may not be among the answers.
            let is_answer = choice.chosen > 0 && answers.unbounded_shr(u32::from(choice.chosen) - 1) & 1 != 0;
            let decided = if choice.position == position && is_answer { choice.chosen } else { 0 };
            self.next += usize::from(choice.position == position);
            self.answered.push(Answered { chosen: decided, of });
            return Answer::This(decided);
        }
        let (mut state_here, mut sight_here) = (0, None);
        if let Some(seen) = &self.seen {
            state_here = state();
            if !seen.insert(state_here) {
                return Answer::Seen;
            }
            sight_here = sight();
        }
        self.open.push(Open { position, answers, traceless, state: state_here, sight: sight_here });
        self.answered.push(Answered { chosen: 0, of });
        Answer::This(0)
    }

    /// What was decided.
    pub fn decided(&self) -> &[Choice] {
        &self.decided
    }

    /// Every question so far, with its answer.
    pub fn answered(&self) -> &[Answered] {
        &self.answered
    }

    /// What could be decided otherwise, where nobody has been before.
    pub fn open(&self) -> &[Open] {
        &self.open
    }
}
