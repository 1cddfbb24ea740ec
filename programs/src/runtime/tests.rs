//! Tests, one after another.

use super::print::println;
use super::syscall::Result;

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
