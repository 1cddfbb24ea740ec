//! How an execution ends, and which checks were asked on the way.

/// Constraints that there are.
pub const CONSTRAINTS: usize = 131;

/// A constraint of `docs/constraints.md` that did not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Its number.
    pub constraint: u16,
    /// What was found.
    pub what: &'static str,
}

/// How an execution ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The program came to its end.
    Done,
    /// What follows has been gone through from here already.
    Seen,
    /// The kernel stopped itself, and may.
    Died,
    /// A constraint did not hold.
    Broken(Violation),
}

/// How often each check was asked, and how often it failed.
#[derive(Clone, Debug)]
pub struct Fired {
    /// Asked.
    pub asked: [u64; CONSTRAINTS],
    /// Failed.
    pub failed: [u64; CONSTRAINTS],
}

impl Default for Fired {
    fn default() -> Fired {
        Fired { asked: [0; CONSTRAINTS], failed: [0; CONSTRAINTS] }
    }
}

impl Fired {
    /// Both together.
    pub fn add(&mut self, other: &Fired) {
        for constraint in 0..CONSTRAINTS {
            self.asked[constraint] += other.asked[constraint];
            self.failed[constraint] += other.failed[constraint];
        }
    }
}
