//! The code is there, with other words.
//@ rejected: "there is no E0308"
//@ fault: E0308 "expected `u32`, found `u64`" "found `u128`"

pub fn number(wide: u64) {
    #[cfg(bad = "fault")]
    let narrow: u32 = wide;
}
