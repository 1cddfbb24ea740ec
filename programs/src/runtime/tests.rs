//! Tests, one after another, and single checks.

use core::fmt::{Arguments, Debug};

use super::print::println;
use super::syscall::{Errno, Result};

/// What holds, and what finds out whether it does.
pub type Test = (&'static str, fn() -> Result<bool>);

/// Runs all of them for `program`, and says which went wrong; how many.
pub fn run(program: &str, tests: &[Test]) -> usize {
    let went_wrong = |(what, test): &&Test| {
        let result = test();
        if result != Ok(true) {
            println!("{program}: {what}: {result:?}");
        }
        result != Ok(true)
    };
    tests.iter().filter(went_wrong).count()
}

/// A program's checks: they are counted, and those that do not hold are told.
pub struct Checks {
    program: &'static str,
    made: u32,
    failed: u32,
}

impl Checks {
    /// None yet.
    pub const fn of(program: &'static str) -> Self {
        Checks { program, made: 0, failed: 0 }
    }

    /// One, and what is told of it if it does not hold.
    pub fn note(&mut self, holds: bool, told: Arguments) {
        self.made += 1;
        if !holds {
            self.failed += 1;
            println!("{}: {told}", self.program);
        }
    }

    /// One that says only whether.
    pub fn that(&mut self, what: &str, holds: bool) {
        self.note(holds, format_args!("{what} is wrong"));
    }

    /// Two that must be the same.
    pub fn equal<Seen: Debug + PartialEq>(&mut self, what: &str, seen: Seen, wanted: Seen) {
        self.note(seen == wanted, format_args!("{what}: {seen:x?}, not {wanted:x?}"));
    }

    /// What must have failed with that error.
    pub fn refused<T: Debug>(&mut self, what: &str, result: Result<T>, error: u32) {
        let as_expected = result.as_ref().is_err_and(|why| *why == Errno(error));
        if !as_expected {
            println!("{}: {what} gave {result:?}", self.program);
        }
        self.that(what, as_expected);
    }

    /// None of them has failed.
    pub const fn all_hold(&self) -> bool {
        self.failed == 0
    }

    /// Says how many there were, and what the program came to; its exit status.
    pub fn end(&self, result: Result<()>) -> u8 {
        println!("{}: {} checks, {} failed, {result:?}", self.program, self.made, self.failed);
        u8::from(self.failed > 0 || result.is_err())
    }
}
