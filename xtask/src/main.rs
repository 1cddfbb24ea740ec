//! Builds, boots, tests, measures.
fn main() {}
