//! Signatures through the crate's public door.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod diagnoses;
mod faults;
mod known_answers;
mod laws;
mod support;
mod templates;
