//! The words are there, under another code.
//@ rejected: "there is no E0277"
//@ fault: E0277 "expected `u32`, found `u64`"

pub fn number(wide: u64) {
    #[cfg(bad = "fault")]
    let narrow: u32 = wide;
}
