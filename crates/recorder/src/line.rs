//! A connection as its exchanges see it: who is on the other end, and how a request was on the wire.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use hyper::Version;
use hyper::body::{Body as _, Incoming};
use hyper::http::request::Parts;
use ringback_exchange::{Headers, Wire};

use crate::framing::Note;
use crate::message;
use crate::replies::{OnItsWay, Replies};
use crate::tape::{Head, Length};
use crate::tee::SharedTape;

/// One connection of a listener.
#[derive(Debug)]
pub(crate) struct Line {
    /// From 1, in the order in which connections said their first byte.
    pub(crate) number: u64,
    /// The address of the other end.
    pub(crate) peer: String,
    protocol: Protocol,
    unread: AtomicBool,
}

#[derive(Debug)]
enum Protocol {
    /// With what was read.
    Http1(SharedTape),
    /// Heads are compressed and have no bytes of their own.
    Http2(Replies),
}

impl Line {
    pub(crate) const fn http1(number: u64, peer: String, tape: SharedTape) -> Self {
        let protocol = Protocol::Http1(tape);
        Self { number, peer, protocol, unread: AtomicBool::new(false) }
    }

    pub(crate) const fn http2(number: u64, peer: String, replies: Replies) -> Self {
        let protocol = Protocol::Http2(replies);
        Self { number, peer, protocol, unread: AtomicBool::new(false) }
    }

    /// Returns the head of a request that hyper has understood just now, as it came.
    pub(crate) fn head(&self, parts: &Parts, body: &Incoming) -> Head {
        let length = body.size_hint().exact().map_or(Length::Chunked, Length::Bytes);
        let claimed = match &self.protocol {
            Protocol::Http1(tape) => tape.lock().claim(length),
            Protocol::Http2(_) => None,
        };
        claimed.unwrap_or_else(|| understood(parts))
    }

    /// Returns how a request was on the wire, once nothing more of it will be read.
    pub(crate) fn wire(&self, head: Bytes, mut notes: Vec<Note>, trailers: Headers) -> Wire {
        let mut wire = Wire { connection: self.number, head: head.into(), ..Wire::default() };
        wire.trailers = trailers;
        if let Protocol::Http1(tape) = &self.protocol {
            let (has_extensions, as_sent) = tape.lock().behind_body();
            wire.trailers = as_sent;
            if has_extensions {
                notes.push(Note::ChunkExtensions);
            }
        }
        wire.notes = notes.iter().map(ToString::to_string).collect();
        wire
    }

    /// Notes that a reply sets out, where a socket cannot tell whether it is taken.
    pub(crate) fn set_out(&self) -> Option<OnItsWay> {
        match &self.protocol {
            Protocol::Http1(_) => None,
            Protocol::Http2(replies) => Some(replies.set_out()),
        }
    }

    /// Remembers that bytes of a request may come that nobody will read.
    pub(crate) fn leave_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    /// Tells whether bytes of a request may come that nobody has read.
    pub(crate) fn has_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }
}

/// Makes a head of what hyper has understood: of HTTP/2 there is nothing else. Its authority becomes the
/// Host that HTTP/1 would have (RFC 9113 section 8.3.1).
fn understood(parts: &Parts) -> Head {
    let mut headers = message::headers(&parts.headers);
    let mut target = parts.uri.to_string();
    if parts.version == Version::HTTP_2 {
        if let Some(path) = parts.uri.path_and_query() {
            path.as_str().clone_into(&mut target);
        }
        if let Some(authority) = parts.uri.authority()
            && headers.get("host").is_none()
        {
            let host = Headers::from_iter([("host", authority.as_str())]);
            headers.0.splice(0..0, host.0);
        }
    }
    let method = parts.method.to_string();
    Head { bytes: Bytes::new(), method, target, headers, notes: Vec::new() }
}
