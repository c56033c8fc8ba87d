//! A recording of any form in, its requests out, one by one.
//!
//! The form is recognised by what is in the file: a store of `listen` (SQLite), an HTTP archive, JSON
//! Lines of exchanges (`export`, `listen --json`) or of attempts (`send --json`), and bare events, as
//! JSON, as an array or as JSON Lines. What is none of them is refused with its place.

use std::collections::HashMap;
use std::io::{self, BufRead as _, Read as _};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use ringback_exchange::{Attempt, Exchange, Headers, Outcome, Reply, Request, har};
use ringback_recorder::Store;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::documents::{self, Document};
use crate::error::CliError;
use crate::store::unusable;

/// What every SQLite file begins with.
const STORE: &[u8] = b"SQLite format 3\0";

/// What some editors write before a text, and no JSON begins with.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// How long an archive may be, which is read as a whole.
const ARCHIVE_BYTES_MAX: usize = 1 << 30;

/// One request of a recording.
#[derive(Debug)]
pub(super) struct Captured {
    /// Its arrival number; elsewhere than in exchanges its place in the file, from 1.
    pub(super) number: u64,
    /// When it arrived or was sent, when that is known.
    pub(super) at: Option<Timestamp>,
    /// The request; of a bare event the body alone.
    pub(super) request: Request,
    /// Whether there is no more than an event.
    pub(super) is_bare: bool,
    /// What was answered, when something was.
    pub(super) status: Option<u16>,
    /// Why it is not whole.
    pub(super) fault: Option<String>,
}

impl Captured {
    fn of_exchange(exchange: Exchange) -> Self {
        let Exchange { number, received_at, request, reply, fault, .. } = exchange;
        let status = status(reply.as_ref());
        Self { number, at: Some(received_at), request, is_bare: false, status, fault }
    }

    fn of_attempt(number: u64, attempt: Attempt) -> Self {
        let at = match &attempt.place {
            Some(place) => Some(place.scheduled_at),
            None => after(Timestamp::UNIX_EPOCH, attempt.planned_ms),
        };
        let status = match &attempt.outcome {
            Outcome::Answered(reply) => Some(reply.status),
            Outcome::Failed(_) => None,
        };
        // What was put wrong on purpose is a fault of its own to ask for again.
        Self { number, at, request: attempt.request, is_bare: false, status, fault: None }
    }

    fn of_har(number: u64, entry: har::HarEntry) -> Self {
        let har::HarEntry { started, request, reply, .. } = entry;
        let status = status(reply.as_ref());
        Self { number, at: Some(started), request, is_bare: false, status, fault: None }
    }

    fn of_event(number: u64, body: &[u8]) -> Self {
        let body = body.to_vec().into();
        let (method, target) = (String::new(), String::new());
        let request = Request { method, target, headers: Headers::default(), body };
        Self { number, at: None, request, is_bare: true, status: None, fault: None }
    }
}

fn status(reply: Option<&Reply>) -> Option<u16> {
    // A fault that came in place of a whole reply has the status 0.
    reply.map(|reply| reply.status).filter(|status| *status > 0)
}

fn after(begin: Timestamp, ms: f64) -> Option<Timestamp> {
    begin.checked_add(SignedDuration::try_from_secs_f64(ms / 1000.0).ok()?).ok()
}

/// Calls `take` with each request of a recording, in the order in which they stand there; of a store,
/// those after a number.
///
/// # Errors
///
/// When the file cannot be read or is no recording, or `take` fails.
pub(super) fn each(
    path: &Path,
    since: u64,
    mut take: impl FnMut(Captured) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let unread = |error: io::Error| {
        CliError::usage(format!("cannot read `{}`", path.display())).because(error)
    };
    let mut input = documents::open(path)?;
    if input.fill_buf().map_err(unread)?.starts_with(BYTE_ORDER_MARK) {
        input.consume(BYTE_ORDER_MARK.len());
    }
    let begin = input.fill_buf().map_err(unread)?;
    if begin.starts_with(STORE) {
        if path.as_os_str() == "-" {
            return Err(
                CliError::usage("a store cannot be read from standard input").hint("name its file")
            );
        }
        for exchange in Store::read(path).map_err(unusable)?.after(since) {
            take(Captured::of_exchange(exchange.map_err(unusable)?))?;
        }
        return Ok(());
    }
    if is_archive(begin) {
        let mut archive = Vec::new();
        let most = ARCHIVE_BYTES_MAX as u64 + 1;
        input.take(most).read_to_end(&mut archive).map_err(unread)?;
        if archive.len() > ARCHIVE_BYTES_MAX {
            return Err(refused(path, 1).because(format!(
                "an archive of more than {ARCHIVE_BYTES_MAX} bytes is not read"
            )));
        }
        let entries = har::read(&archive).map_err(|error| refused(path, 1).because(error))?;
        return (1..).zip(entries).try_for_each(|(n, entry)| take(Captured::of_har(n, entry)));
    }
    let read = |document: &Document<'_>| document_in(path, document, &mut take);
    documents::each(input, false, read, unread)?;
    Ok(())
}

/// Tells whether a text begins as an HTTP archive does: with its one key.
fn is_archive(begin: &[u8]) -> bool {
    let object = begin.trim_ascii_start().strip_prefix(b"{");
    object.is_some_and(|object| object.trim_ascii_start().starts_with(b"\"log\""))
}

/// Recognises what one document is, and takes what it holds.
fn document_in(
    path: &Path,
    document: &Document<'_>,
    take: &mut impl FnMut(Captured) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let Document { bytes, number, start } = *document;
    let broken = |error: serde_json::Error| {
        // The error tells a place of its own, in the document.
        let why = error.to_string();
        let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why);
        refused(path, start.line + error.line().max(1) - 1).because(why)
    };
    let keys: HashMap<String, IgnoredAny> = serde_json::from_slice(bytes).map_err(broken)?;
    let has = |name: &str| keys.contains_key(name);
    if has("request") && has("receivedAt") {
        take(Captured::of_exchange(serde_json::from_slice(bytes).map_err(broken)?))
    } else if has("request") && has("delivery") {
        take(Captured::of_attempt(number, serde_json::from_slice(bytes).map_err(broken)?))
    } else if ["eventId", "eventType", "payload"].into_iter().any(has) {
        take(Captured::of_event(number, bytes.trim_ascii()))
    } else {
        Err(refused(path, start.line)
            .because("its keys are those of no exchange, attempt, archive or event"))
    }
}

fn refused(path: &Path, line: usize) -> CliError {
    let what =
        format!("`{}` is no recording that could be sent again: line {line}", path.display());
    CliError::usage(what).hint(
        "a recording is a store of `listen`, the JSON Lines of `export`, `listen --json` or \
         `send --json`, an HTTP archive (HAR), or events as JSON",
    )
}

/// What an event says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    pub(super) event_id: Option<String>,
    pub(super) event_type: Option<String>,
}

impl Envelope {
    /// Reads what a body says, if it is an event.
    pub(super) fn of(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }
}
