//! Run events to text: for a terminal and as JSON lines.
//!
//! [`RunEvent`] is the one place where running and reporting meet: the runner makes events, a reporter
//! turns each into text, and only the command line prints. A reporter never sees a socket, so each is
//! tested with events written by hand. What a load of deliveries came to is told by [`load`].

mod event;
mod json;
pub mod load;
pub mod terminal;

pub use event::{Breach, ResponseTally, RunEvent, SnapshotOutcome, Tally};
pub use json::json_line;
