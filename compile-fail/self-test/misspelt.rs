//! The header does not name the fault that the code has.
//@ rejected: "the good twin does not compile"

pub fn number(wide: u64) {
    #[cfg(bad = "falut")]
    let narrow: u32 = wide;
}
