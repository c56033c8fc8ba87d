//! What hyper refused: bytes that never became a request.
//!
//! How a connection ended comes in, with what hyper had read and not understood; what is to be recorded
//! goes out: as much of a request as can be seen in the bytes, why it was refused, and the reply that
//! hyper has sent by itself.

use hyper::StatusCode;
use ringback_exchange::{Content, Headers, Reply, Request};

use crate::limits::Limits;

/// Something that came and was no request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// As it came, as far as it came.
    pub(crate) bytes: Vec<u8>,
    /// Why it is no request.
    pub(crate) why: String,
    /// What hyper has answered.
    pub(crate) status: Option<StatusCode>,
}

impl Refusal {
    /// Tells what was refused when a connection has ended with this error; none when nothing was: the
    /// bytes of a request that broke off later have been claimed by it.
    pub(crate) fn of(error: &hyper::Error, bytes: Vec<u8>, limits: &Limits) -> Option<Self> {
        // Line ends before a request are part of none (RFC 9112 section 2.2).
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            return None;
        }
        let (why, status) = if error.is_parse_version_h2() {
            ("the client speaks HTTP/2, which is not switched on here".to_owned(), None)
        } else if error.is_parse_too_large() {
            let (lines, size) = (limits.header_lines, limits.head_bytes);
            // hyper calls both the same.
            let why = format!("the head has more than {lines} lines or {size} bytes");
            (why, Some(too_large(error)))
        } else if bytes.starts_with(&[0x16, 0x03]) {
            ("the client speaks TLS, which is not switched on here".to_owned(), status(error))
        } else if error.is_timeout() {
            (format!("the head had not ended after {:?}", limits.head), None)
        } else if error.is_incomplete_message() {
            ("the connection ended inside the head".to_owned(), None)
        } else {
            (error.to_string().trim_end_matches(" parsed").to_owned(), status(error))
        };
        Some(Self { bytes, why, status })
    }

    /// Returns what can be seen of a request in the bytes.
    pub(crate) fn request(&self) -> (Request, String) {
        let line = self.bytes.trim_ascii_start();
        let line = line.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (method, target, version) = (word(), word(), word());
        let is_version = version.starts_with("HTTP/");
        // What does not even look like a request line is in the head, and not in three other places.
        let (method, target, version) =
            if is_version { (method, target, version) } else { Default::default() };
        let (headers, body) = (Headers::default(), Content::default());
        (Request { method, target, headers, body }, version)
    }

    /// Returns the reply, without the lines that hyper adds to every reply.
    pub(crate) fn reply(&self) -> Option<Reply> {
        let status = self.status?.as_u16();
        Some(Reply { status, headers: Headers::default(), body: Content::default() })
    }
}

/// hyper answers only what it could not parse, not what broke off.
fn status(error: &hyper::Error) -> Option<StatusCode> {
    error.is_parse().then_some(StatusCode::BAD_REQUEST)
}

/// The two have one kind in hyper's public face, and two names.
fn too_large(error: &hyper::Error) -> StatusCode {
    match error.to_string().as_str() {
        "URI too long" => StatusCode::URI_TOO_LONG,
        _ => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    }
}
