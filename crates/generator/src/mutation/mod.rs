//! Named ways to break or stretch an event: data, each with its place, its effect, the failure of real
//! receivers that it stems from, and what a sound receiver should do.
//!
//! The bytes of an event and a [`Mutation`] come in, other bytes go out. Only the bytes that the
//! mutation is about change. An event that has no such place is refused.
//!
//! ```
//! use ringback_generator::{Mutation, Recipe, apply, bytes};
//!
//! let event = bytes(&Recipe::new(42), 17);
//! let mutation: Mutation = "drop-event-id".parse()?;
//! let broken = apply(&event, &mutation)?;
//! assert!(!String::from_utf8_lossy(&broken).contains("eventId"));
//!
//! let mutation: Mutation = "null:/payload/customer/email".parse()?;
//! assert!(String::from_utf8(apply(&event, &mutation)?)?.contains(r#""email":null"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod apply;
mod catalogue;
mod locate;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use apply::{ApplyError, apply, apply_all};
pub use catalogue::{MutationError, mutations, table};

use crate::archetype::Archetype;

/// One named way to break or stretch an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Mutation {
    /// The name in the catalogue, or `EFFECT:POINTER` for one that is not in it.
    pub name: String,
    /// The value that is changed, as a JSON Pointer; empty for the whole event.
    pub at: String,
    /// A place inside the JSON text that the string at `at` holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inner: Option<String>,
    /// What is done there.
    pub effect: Effect,
    /// What it is, in one sentence.
    pub statement: String,
    /// The failures of real receivers that it stems from, by their numbers in `docs/mutations.md`.
    pub failures: Vec<u8>,
    /// What a sound receiver does.
    pub reaction: Reaction,
    /// The rules of the contract that the event breaks then, by id; none when it still holds.
    pub breaks: Vec<String>,
    /// The archetype whose events have such a place, where not all have.
    #[serde(skip)]
    pub archetype: Option<Archetype>,
}

/// What is done at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// The key is left out, or the element.
    Drop,
    /// The value becomes `null`.
    Null,
    /// The value becomes the empty one of its type: `""`, `[]`, `{}`, 0, `false`.
    Empty,
    /// The value becomes this JSON text, whatever it is.
    Raw(String),
    /// A scalar becomes a string that shows it: `120` becomes `"120"`.
    AsText,
    /// The value changes places with the one at this pointer.
    Swap(String),
    /// This text is appended to a string, escaped as JSON demands.
    Append(String),
    /// This is appended to what stands between a string's quotes, as it is.
    AppendRaw(String),
    /// A string becomes one word of so many bytes.
    Word(usize),
    /// A string is lengthened until the event has so many bytes.
    Grow(usize),
    /// The object gets one more key, or the list one more element where the key is `-`.
    Key(String, String),
    /// The key is written once more, with this JSON text as its value.
    Again(String),
    /// Every object of the event gets a key that nobody knows.
    UnknownKeys,
    /// The elements of an array, or the keys of an object, are written in reverse order.
    Reverse,
    /// A string becomes the JSON text of itself: JSON in a string in a string.
    Encode,
    /// A string that holds JSON text becomes that JSON.
    Decode,
    /// A string loses its second half, or the body does.
    Cut,
    /// The body becomes the value at the place.
    Alone,
    /// The body becomes an array that holds it.
    Wrap,
    /// The body becomes this text.
    Body(String),
    /// The body begins with a byte order mark.
    Bom,
    /// This text follows the body.
    Trail(String),
    /// A byte that no UTF-8 text holds stands in the middle of the first string.
    InvalidUtf8,
    /// The body is written over several lines.
    Pretty,
    /// The keys of every object are written in reverse order.
    Shuffle,
    /// Each character that JSON lets one escape is: slashes, and all that is not ASCII.
    Escape,
    /// The value is put inside so many arrays.
    Nest(usize),
}

impl Mutation {
    /// Makes a mutation that is not in the catalogue; its name is how it was asked for.
    pub fn by_hand(name: impl Into<String>, at: impl Into<String>, effect: Effect) -> Self {
        let name = name.into();
        Self {
            statement: format!("`{name}`, asked for by hand."),
            name,
            at: at.into(),
            inner: None,
            effect,
            failures: Vec::new(),
            reaction: Reaction::Survive,
            breaks: Vec::new(),
            archetype: None,
        }
    }
}

impl Effect {
    /// Tells whether the effect is on the bytes of the body rather than on a value: it is applied
    /// after those that look for one.
    pub const fn is_of_body(&self) -> bool {
        matches!(
            self,
            Self::Alone
                | Self::Wrap
                | Self::Body(_)
                | Self::Bom
                | Self::Trail(_)
                | Self::InvalidUtf8
                | Self::Pretty
                | Self::Shuffle
                | Self::Escape
        )
    }
}

/// What a sound receiver does with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reaction {
    /// It answers 2xx and does what it does for the event as it was.
    Accept,
    /// It answers 2xx and does without what is missing or unknown, keeping the rest.
    Tolerate,
    /// It answers 4xx and does nothing else: the event will not get better by sending it again.
    Reject,
    /// It answers 2xx or 4xx, but neither fails nor keeps half of the event.
    Survive,
}

impl Reaction {
    /// Returns the word for reports and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Tolerate => "tolerate",
            Self::Reject => "reject",
            Self::Survive => "survive",
        }
    }
}

impl fmt::Display for Reaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}
