//! An exchange in a few words: what a list shows of it.

use ringback_exchange::{Exchange, redact_target};
use serde::{Deserialize, Serialize};

/// The longest target that is shown whole, in characters.
const TARGET_CHARS_MAX: usize = 500;

/// An exchange in a few words. Its JSON is the data of an event of the live stream, and an item of a
/// list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The arrival number, from 1.
    pub number: u64,
    /// When the request had arrived: RFC 3339, UTC, microseconds.
    pub received_at: String,
    /// Whether the exchange is over; one that is not has no reply yet, or never got one.
    pub is_over: bool,
    method: String,
    target: String,
    request_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forwarded_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forward_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

/// The two keys of an event that tell which one it is.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventIds {
    pub(crate) event_type: Option<String>,
    pub(crate) event_id: Option<String>,
}

impl EventIds {
    /// Reads them from a body; none of them when it is no JSON object, or they are no strings.
    pub(crate) fn of(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }
}

impl Summary {
    /// Summarises an exchange.
    pub fn of(exchange: &Exchange) -> Self {
        let EventIds { event_type, event_id } = EventIds::of(&exchange.request.body.0);
        let forwarded = exchange.forwarded.as_ref();
        Self {
            number: exchange.number,
            received_at: format!("{:.6}", exchange.received_at),
            is_over: exchange.reply.is_some(),
            method: exchange.request.method.clone(),
            target: redact_target(&exchange.request.target)
                .chars()
                .take(TARGET_CHARS_MAX)
                .collect(),
            request_bytes: exchange.request.body.0.len(),
            event_type,
            event_id,
            status: exchange.reply.as_ref().map(|reply| reply.status),
            duration_ms: exchange.duration_ms,
            forwarded_to: forwarded.map(|it| it.url.clone()),
            forward_error: forwarded.and_then(|it| it.error.clone()),
            signature: exchange.signature.clone(),
            fault: exchange.fault.clone(),
        }
    }
}
