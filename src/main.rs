//! Paylatch.
fn main() {}
