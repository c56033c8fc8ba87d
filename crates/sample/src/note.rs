//! The note that the receiver writes to the CRM for each conversation.

use std::time::Duration;

use serde::Serialize;
use url::Url;

use crate::event::Event;

/// How often the CRM is tried before the note is given up.
pub const NOTE_TRIES: u32 = 5;
/// How long to wait before the second try; each further wait is twice as long.
const BACKOFF: Duration = Duration::from_millis(50);

/// The body of the note.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Note<'a> {
    event_id: &'a str,
    conversation_id: &'a str,
    channel: Option<&'a str>,
    answered: bool,
    end_reason: Option<&'a str>,
    transferred_to: Option<&'a str>,
}

/// Posts the note until the CRM takes it. Returns whether it did.
pub(crate) async fn post(client: &reqwest::Client, crm: &Url, event: &Event) -> bool {
    let payload = &event.payload;
    let note = Note {
        event_id: &event.event_id,
        conversation_id: &payload.id,
        channel: payload.conversation_type.as_deref(),
        answered: payload.user_join_time.is_some(),
        end_reason: payload.end_reason.as_deref(),
        transferred_to: payload
            .transfer_status
            .as_ref()
            .and(payload.transfer_destination.as_deref()),
    };
    let Ok(body) = serde_json::to_vec(&note) else { return false };
    let customer = payload.customer_id.as_deref().unwrap_or("unknown");
    let mut url = crm.clone();
    match url.path_segments_mut() {
        // Segments are escaped here; an id with a slash must not reach another path.
        Ok(mut segments) => segments.pop_if_empty().extend(["customers", customer, "notes"]),
        Err(()) => return false,
    };

    let mut wait = BACKOFF;
    for again in (0..NOTE_TRIES).rev() {
        let request = client.post(url.clone()).header("content-type", "application/json");
        let reply = request.body(body.clone()).send().await;
        if reply.is_ok_and(|reply| reply.status().is_success()) {
            return true;
        }
        if again > 0 {
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
    }
    false
}
