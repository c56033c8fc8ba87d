//! A receiver as users write them: it verifies, de-duplicates, answers, and posts a note to a CRM.
//!
//! `ringback check` runs against it where no target is named, and every shipped scenario passes there,
//! so it shows what the scenarios ask of a receiver:
//!
//! - `POST /webhooks/oration` takes events; `GET /healthz` tells that it is up.
//! - With a secret, an event whose signature does not verify is answered 401.
//! - A body that is no event is answered 400, and nothing comes of it.
//! - An event of another type is answered 200 and ignored: an error would have it sent again.
//! - The same event again is answered 200 and changes nothing. It is the same when conversation and
//!   event type are, because a redelivery may carry a new `eventId`.
//! - For each new one, `POST {crm}/customers/{customerId}/notes` is tried until it is answered 2xx, at
//!   most [`NOTE_TRIES`] times. The sender is answered at once: a slow CRM must not cause a redelivery.
//!
//! What a receiver in production has and this one has not: a durable queue. Its memory ends with it.

mod event;
mod note;
mod receiver;
mod server;

pub use note::NOTE_TRIES;
pub use receiver::Config;
pub use server::{Sample, StartError};

/// The path that takes events.
pub const PATH: &str = "/webhooks/oration";
