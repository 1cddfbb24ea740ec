//! The case is broken, not what it tests.
//@ rejected: "there are errors that nobody promised"
//@ fault: E0308 "expected"

#[cfg(bad = "fault")]
use support::NothingOfThatName;

pub fn number(wide: u64) {
    #[cfg(bad = "fault")]
    let narrow: u32 = wide;
}
