//! Decides what happens wherever more than one thing can, and goes through all of them: an execution is its list of
//! decisions, and the next execution differs from it in the last that has anything left to try.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, Mutex};

use rustc_hash::FxHasher;

/// One decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Choice {
    /// What was done; 0 is nothing.
    pub chosen: u8,
    /// How many things could have been.
    pub of: u8,
}

/// States that somebody has gone on from.
pub struct Seen(Vec<Mutex<HashSet<u128, BuildHasherDefault<FxHasher>>>>);

impl Seen {
    const SHARDS: usize = 64;

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

/// What a choice came to.
pub enum Chosen {
    /// This.
    This(u8),
    /// Somebody has been here.
    Seen,
}

/// The decisions of one execution after another.
pub struct Oracle {
    decisions: Vec<Choice>,
    position: usize,
    /// Decisions that are not this oracle's to change.
    fixed: usize,
    seen: Option<Arc<Seen>>,
}

impl Oracle {
    /// Everything that begins with `prefix`; the last of the prefix may still go up.
    pub fn new(prefix: Vec<Choice>, seen: Option<Arc<Seen>>) -> Oracle {
        let fixed = prefix.len().saturating_sub(1);
        Oracle { decisions: prefix, position: 0, fixed, seen }
    }

    /// To the beginning of the execution.
    pub fn rewind(&mut self) {
        self.position = 0;
    }

    /// The next decision, of `of`. `key` is asked where this has not been decided before.
    pub fn choose(&mut self, of: u8, key: impl FnOnce() -> u128) -> Chosen {
        if let Some(choice) = self.decisions.get(self.position) {
            self.position += 1;
            return Chosen::This(choice.chosen);
        }
        if self.seen.as_ref().is_some_and(|seen| !seen.insert(key())) {
            return Chosen::Seen;
        }
        self.decisions.push(Choice { chosen: 0, of });
        self.position += 1;
        Chosen::This(0)
    }

    /// Makes ready for the next execution; `false` if there is none.
    pub fn advance(&mut self) -> bool {
        while self.decisions.len() > self.fixed {
            let last = self.decisions.last_mut().expect("longer than what is fixed");
            if last.chosen + 1 < last.of {
                last.chosen += 1;
                return true;
            }
            self.decisions.pop();
        }
        false
    }

    /// Gives away everything else that could be decided at the first place where there is anything left.
    pub fn split(&mut self) -> Option<Vec<Choice>> {
        let at =
            (self.fixed..self.decisions.len()).find(|at| self.decisions[*at].chosen + 1 < self.decisions[*at].of)?;
        let mut given = self.decisions[..=at].to_vec();
        given[at].chosen += 1;
        self.fixed = at + 1;
        Some(given)
    }

    /// The execution so far.
    pub fn decisions(&self) -> &[Choice] {
        &self.decisions[..self.position]
    }
}
