//! What the receiver reads of an event: as little as it needs, and nothing that may be missing is
//! required.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    pub(crate) event_id: String,
    pub(crate) event_type: String,
    pub(crate) payload: Payload,
}

/// What every event has, whatever its type.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope {
    pub(crate) event_type: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Payload {
    pub(crate) id: String,
    pub(crate) customer_id: Option<String>,
    pub(crate) conversation_type: Option<String>,
    pub(crate) end_reason: Option<String>,
    pub(crate) user_join_time: Option<String>,
    pub(crate) transfer_status: Option<String>,
    pub(crate) transfer_destination: Option<String>,
}
