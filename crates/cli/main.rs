//! Rehearses Oration's webhooks against a receiver.
fn main() {}
