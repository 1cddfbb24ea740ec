//! A known hole that has been closed does not stay one.
//@ rejected: "a known hole is closed"
//@ fault: compiles

pub fn number(wide: u64) {
    #[cfg(bad = "fault")]
    let narrow: u32 = wide;
}
