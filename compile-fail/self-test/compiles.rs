//! The fault is none.
//@ rejected: "it compiles"
//@ fault: E0308 "expected `u32`, found `u64`"

pub fn number(wide: u64) -> u64 {
    #[cfg(bad = "fault")]
    let wide: u64 = wide;
    wide
}
