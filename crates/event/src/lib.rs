//! The contract of Oration's webhook events: what one looks like (*shape*) and what makes one true to
//! itself (*semantics*).
//!
//! Bytes or a [`serde_json::Value`] come in; a typed [`Event`] or a list of [`Finding`]s goes out. The
//! crate does no IO, reads no clock and draws no random number, so a verdict depends on the bytes alone.
//!
//! The model is open, because a provider may add a field or a value without notice: unknown keys are
//! kept at every level, each enum keeps a string it does not know, and an absent key, a `null` and a
//! value are three different things ([`Field`]).
//!
//! ```
//! use ringback_event::{Event, Level, EXAMPLE, judge};
//!
//! let event: Event = serde_json::from_slice(EXAMPLE)?;
//! assert_eq!(event.payload.end_reason.value().unwrap().as_str(), "user_hangup");
//!
//! assert!(judge(EXAMPLE, Level::Shape).is_empty());
//! assert!(!judge(EXAMPLE, Level::Semantic).is_empty(), "the documented example contradicts itself");
//! # Ok::<(), serde_json::Error>(())
//! ```

mod field;
mod record;

mod exact;
mod inner;
mod open;
mod timestamp;

mod conversation;
mod cost;
mod customer;
mod envelope;

mod document;
mod finding;
mod glance;
mod judge;
mod rule;
mod semantics;
mod shape;

pub mod openapi;
pub mod schema;

pub use conversation::{
    Agent, ConversationStatus, ConversationType, EndReason, Message, MessageType, ParticipantRole,
    Payload, RecordingStatus, TelephonyType, Transcript, Transfer, TransferStatus, User,
};
pub use cost::{ChargeType, ConversationCost, CostItem};
pub use customer::{Customer, Source, SourceMethod};
pub use document::{Place, place_of};
pub use envelope::{Event, EventType};
pub use exact::{Exact, ExactError};
pub use field::Field;
pub use finding::Finding;
pub use inner::{InnerError, JsonText};
pub use judge::{Level, judge, judge_event};
pub use record::Extra;
pub use rule::{Rule, Strength};
pub use semantics::{is_e164, render_transcript};
pub use timestamp::{Timestamp, TimestampError};

#[cfg(test)]
mod tests;

/// The example body of the documented page, byte for byte.
pub const EXAMPLE: &[u8] = include_bytes!("example.json");
