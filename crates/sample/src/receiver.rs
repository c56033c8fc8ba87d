//! From a request to an answer.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Buf;
use futures_util::{Stream, StreamExt as _};
use ringback_exchange::Headers;
use ringback_signature::{Secret, TOLERANCE_S, verify};
use serde_json::json;
use tokio::task::JoinSet;
use url::Url;
use warp::http::{HeaderMap, Response, StatusCode};
use warp::{Filter, filters::BoxedFilter};

use crate::event::{Envelope, Event};
use crate::note;

/// The largest event that is taken, in bytes; long transcripts exceed the usual limits of 64 or 256 KiB.
const EVENT_BYTES_MAX: usize = 10 * 1024 * 1024;

/// What the receiver is told at its start.
#[derive(Debug, Clone)]
pub struct Config {
    /// The secrets that events are signed with, any of which will do; none, and nothing is verified.
    pub secrets: Vec<Secret>,
    /// The CRM's address; none, and no notes are written.
    pub crm: Option<Url>,
    /// Reads the clock, in seconds since 1970; signatures that are too old are refused.
    pub now_s: fn() -> i64,
}

/// What the receiver remembers.
pub(crate) struct Receiver {
    config: Config,
    client: reqwest::Client,
    /// Conversation and type of each event that was taken.
    seen: Mutex<HashSet<(String, String)>>,
    notes: Mutex<JoinSet<()>>,
}

impl Receiver {
    pub(crate) fn new(config: Config, client: reqwest::Client) -> Self {
        Self { config, client, seen: Mutex::default(), notes: Mutex::default() }
    }

    /// Hands over the notes that are still being written.
    pub(crate) fn take_notes(&self) -> JoinSet<()> {
        std::mem::take(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Answers every request.
pub(crate) fn routes(receiver: Arc<Receiver>) -> BoxedFilter<(Response<String>,)> {
    let health = warp::path!("healthz").and(warp::get()).map(|| answer(200, "up"));
    let hook = warp::path!("webhooks" / "oration")
        .and(warp::post())
        .and(warp::header::headers_cloned())
        // Not `body::content_length_limit`: it answers 411 to every sender that streams its body.
        .and(warp::body::stream().and_then(collect))
        .map(move |headers: HeaderMap, body: Option<Vec<u8>>| match body {
            Some(body) => take(&receiver, &headers, &body),
            None => answer(413, "too large"),
        });
    let refused = |rejection: warp::Rejection| async move {
        let not_found = rejection.is_not_found();
        let (status, why) =
            if not_found { (404, "not found") } else { (405, "method not allowed") };
        Ok::<_, warp::Rejection>((answer(status, why),))
    };
    health.or(hook).unify().or_else(refused).boxed()
}

/// Reads a body to its end; `None` when it is too large.
async fn collect(
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Result<Option<Vec<u8>>, warp::Rejection> {
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        // A body that breaks off leaves nobody to answer.
        let mut chunk = chunk.map_err(|_| warp::reject::reject())?;
        if bytes.len() + chunk.remaining() > EVENT_BYTES_MAX {
            return Ok(None);
        }
        while chunk.has_remaining() {
            bytes.extend_from_slice(chunk.chunk());
            chunk.advance(chunk.chunk().len());
        }
    }
    Ok(Some(bytes))
}

/// Takes one event.
fn take(receiver: &Arc<Receiver>, headers: &HeaderMap, body: &[u8]) -> Response<String> {
    if !receiver.config.secrets.is_empty() {
        let lines: Headers = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes().to_vec()))
            .collect();
        let now_s = (receiver.config.now_s)();
        if verify(&receiver.config.secrets, &lines, body, now_s, TOLERANCE_S).is_err() {
            // Why it does not verify is for the log, not for whoever sent it.
            return answer(401, "signature does not verify");
        }
    }
    // The type first: what an event of another type holds is not this receiver's business.
    match serde_json::from_slice::<Envelope>(body) {
        Ok(envelope) if envelope.event_type == "conversation.completed" => {}
        Ok(_) => return answer(200, "ignored"),
        Err(_) => return answer(400, "not an event"),
    }
    let event: Event = match serde_json::from_slice(body) {
        Ok(event) => event,
        Err(_) => return answer(400, "not an event"),
    };
    // Insert and look in one step: two deliveries at once must not both be the first.
    let key = (event.payload.id.clone(), event.event_type.clone());
    let is_new = receiver.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
    if !is_new {
        return answer(200, "duplicate");
    }
    if let Some(crm) = receiver.config.crm.clone() {
        let receiver_of_note = Arc::clone(receiver);
        let mut notes = receiver.notes.lock().unwrap_or_else(PoisonError::into_inner);
        while notes.try_join_next().is_some() {} // forget those that are done
        notes.spawn(async move {
            if !note::post(&receiver_of_note.client, &crm, &event).await {
                // Forgotten, so that a redelivery has another chance.
                let seen = receiver_of_note.seen.lock();
                seen.unwrap_or_else(PoisonError::into_inner).remove(&key);
            }
        });
    }
    answer(200, "accepted")
}

fn answer(status: u16, what: &str) -> Response<String> {
    let mut response = Response::new(json!({ "status": what }).to_string());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let json = warp::http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(warp::http::header::CONTENT_TYPE, json);
    response
}
