//! The sender against receivers that behave, and receivers that do not, on real sockets.
//!
//! Nothing here sleeps: what has to be waited for announces itself, and a time limit that is tested is
//! waited for by the sender.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod failures;
mod guard;
mod orders;
mod paused;
mod receiver;
mod requests;
mod retries;
mod runs;
mod stalls;
