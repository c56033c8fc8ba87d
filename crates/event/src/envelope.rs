//! The outermost object: `{eventId, eventType, payload}`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::conversation::Payload;
use crate::record::record;

record! {
    /// One webhook event: the JSON document that is POSTed when a conversation has completed.
    pub struct Event {
        /// Names this event; a redelivery of it is expected to carry the same id, though that is not
        /// documented. Documented as a UUID, shown with an `evt_` prefix.
        #[schemars(length(min = 1), extend("x-strength" = "documented"))]
        must event_id: String,
        /// Says which event this is, and with it what the payload holds.
        #[schemars(extend("x-strength" = "documented"))]
        must event_type: EventType,
        /// The conversation.
        #[schemars(extend("x-strength" = "documented"))]
        must payload: Payload,
    }
}

/// The events that Oration documents, and any other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EventType {
    /// Sent when a call has ended.
    Completed,
    /// Sent when the analysis after the call is done.
    AnalysisCompleted,
    /// An event that is not documented, as it came.
    Other(String),
}

impl EventType {
    /// The documented values.
    pub const KNOWN: [&'static str; 2] =
        ["conversation.completed", "conversation.analysisCompleted"];

    /// Returns the string that stands in the event.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Completed => Self::KNOWN[0],
            Self::AnalysisCompleted => Self::KNOWN[1],
            Self::Other(text) => text,
        }
    }
}

impl From<&str> for EventType {
    fn from(text: &str) -> Self {
        match text {
            "conversation.completed" => Self::Completed,
            "conversation.analysisCompleted" => Self::AnalysisCompleted,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(Cow::<str>::deserialize(deserializer)?.as_ref()))
    }
}

impl JsonSchema for EventType {
    fn schema_name() -> Cow<'static, str> {
        "EventType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // The only closed set: each documented page allows exactly one value here. The type above
        // stays open all the same, so that an event of another kind can be read and shown.
        json_schema!({ "type": "string", "enum": Self::KNOWN })
    }
}
