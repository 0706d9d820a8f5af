//! The `kukaku` program.
fn main() {}
