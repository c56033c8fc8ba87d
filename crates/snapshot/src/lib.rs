//! Snapshots of what a receiver did: render, redact, compare, accept.
//!
//! Replies and requests come in; canonical text goes out, and the verdict whether it is what somebody
//! accepted before. The files are insta's (`.snap`, `.snap.new`), so `cargo insta review` settles the
//! same ones; teams without Rust settle them with `ringback accept`.
//!
//! A snapshot is committed, so nothing that changes from run to run may stand in it: headers are shown
//! by name only when asked for, parts of bodies are replaced by labels, and the header of the file
//! holds no time, host or port.

mod diff;
mod file;
mod json;
mod render;

pub use diff::diff;
pub use file::{
    About, Comparison, SnapshotError, accept, compare, pending_below, pending_path, reject, settle,
    write_pending,
};
pub use render::{Redactions, render_reply, render_request};
