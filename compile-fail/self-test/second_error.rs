//! The promised error comes, and one more.
//@ rejected: "there are errors that nobody promised"
//@ fault: E0308 "expected `u32`, found `u64`"

pub fn number(wide: u64) {
    #[cfg(bad = "fault")]
    let narrow: u32 = wide;
    #[cfg(bad = "fault")]
    let narrower: u16 = wide;
}
