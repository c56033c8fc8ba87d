//! One thing that is wrong with an event.

use std::fmt;

use serde::Serialize;

use crate::document::Place;
use crate::rule::{Rule, Strength};

/// One breach of one rule at one place of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The rule; printed as its id.
    #[serde(serialize_with = "as_display")]
    pub rule: Rule,
    /// How sure the rule is at this place.
    #[serde(serialize_with = "as_display")]
    pub strength: Strength,
    /// Where in the event, as a JSON Pointer (RFC 6901); empty for the whole of it.
    pub pointer: String,
    /// Where in the JSON text held by the string at `pointer`, when that is where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inner_pointer: Option<String>,
    /// What stands there.
    pub found: String,
    /// What should.
    pub expected: String,
    /// Where in the bytes; what is missing is placed at the value that should hold it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

impl Finding {
    /// Makes a finding about a value of the event.
    pub(crate) fn new(
        rule: Rule,
        pointer: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            rule,
            strength: rule.strength(),
            pointer: pointer.into(),
            inner_pointer: None,
            found: found.into(),
            expected: expected.into(),
            place: None,
        }
    }

    pub(crate) fn at(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }

    pub(crate) fn with_strength(self, strength: Strength) -> Self {
        Self { strength, ..self }
    }

    /// Moves a finding about a decoded text into the string that held the text.
    pub(crate) fn inside(self, string: &At<'_>) -> Self {
        Self { inner_pointer: Some(self.pointer), pointer: string.to_string(), ..self }
    }
}

impl fmt::Display for Finding {
    /// Writes the rule, the place in the event, what was found and what was expected, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "the whole event" } else { &self.pointer };
        write!(f, "{} ({}): {pointer}", self.rule, self.strength)?;
        if let Some(inner) = &self.inner_pointer {
            write!(f, ", in the JSON text there at {inner}")?;
        }
        write!(f, ": found {}, expected {}", self.found, self.expected)
    }
}

fn as_display<T: fmt::Display, S: serde::Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Where a walk through a JSON value stands. It becomes a JSON Pointer (RFC 6901) when printed; most
/// places of most events are never printed, so no text is made on the way down.
#[derive(Debug, Clone, Copy)]
pub(crate) enum At<'a> {
    Root,
    Key(&'a At<'a>, &'a str),
    Index(&'a At<'a>, usize),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(parent, key) if key.contains(['~', '/']) => {
                write!(f, "{parent}/{}", key.replace('~', "~0").replace('/', "~1"))
            }
            Self::Key(parent, key) => write!(f, "{parent}/{key}"),
            Self::Index(parent, index) => write!(f, "{parent}/{index}"),
        }
    }
}

/// Shows a JSON value in a finding: whole when short, its head otherwise.
pub(crate) fn show(value: &serde_json::Value) -> String {
    const CHARS_MAX: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
