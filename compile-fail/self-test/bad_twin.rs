//! What is said to be good is not.
//@ rejected: "the good twin does not compile"

pub fn number(wide: u64) -> u32 {
    wide
}
