//! An error of code generation needs code generation.
//@ rejected: "it compiles"
//@ fault: E0080 "dropped"

pub fn generic<T>() {
    #[cfg(bad = "fault")]
    const {
        panic!("dropped")
    }
}
