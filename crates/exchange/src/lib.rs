//! What was on the wire: requests, replies, attempts and exchanges, and their text forms.
//!
//! Plain data with no IO, no clock and no randomness. Bytes are the truth: a body is kept as it was
//! sent, header lines keep their order and their duplicates, and nothing here parses either.
//!
//! An **attempt** is one HTTP try of a delivery, seen from the sender; an **exchange** is one request
//! and its reply, seen from the recorder. Both print as one line of JSON.

mod attempt;
mod content;
mod curl;
pub mod curl_script;
mod exchange;
pub mod har;
mod headers;
mod message;
mod printable;
mod redact;

pub use attempt::{
    AppliedFault, Attempt, Because, Expects, Failure, FailureDetail, Outcome, Part, Place, Verdict,
};
pub use content::Content;
pub use curl::{curl, curl_exact};
pub use exchange::{Exchange, Forwarded, Wire};
pub use headers::{Header, Headers, is_secret};
pub use message::{Reply, Request};
pub use printable::{json_line, printable};
pub use redact::{PERSONAL, redact_target};
