//! Collects a body, chunk by chunk, within its limits.
//!
//! A body of hyper comes in; its bytes go out, as many as came, with what kept the rest from coming. A
//! body that broke off is never taken for a whole one, nor for none.

use std::error::Error;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body, Incoming};
use ringback_exchange::Reply;

use crate::budget::Held;
use crate::message;

/// What kept a body from being whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is longer than this many bytes.
    TooLong(usize),
    /// It had not ended after this time.
    TooSlow(Duration),
    /// All bodies together are more than may be held.
    NoRoom,
    /// The connection ended before the body did.
    BrokenOff,
    /// Its chunks are not chunks.
    Malformed(String),
}

impl Fault {
    /// Says it in a sentence, for the store and for people.
    pub(crate) fn to_sentence(&self, bytes: usize) -> String {
        match self {
            Self::TooLong(limit) => format!("the body is longer than {limit} bytes"),
            Self::TooSlow(limit) => {
                format!("the body had not ended after {limit:?}; {bytes} bytes had come")
            }
            Self::NoRoom => {
                format!("too many bytes are held for other requests; {bytes} of this body had come")
            }
            Self::BrokenOff => format!("the body broke off after {bytes} bytes"),
            Self::Malformed(why) => format!("the body is malformed after {bytes} bytes: {why}"),
        }
    }

    /// Makes the reply to a request whose body has the fault.
    pub(crate) fn reply(&self, bytes: usize) -> Reply {
        let error = self.to_sentence(bytes);
        match self {
            Self::TooLong(_) => message::problem(StatusCode::PAYLOAD_TOO_LARGE, &error),
            Self::TooSlow(_) => message::problem(StatusCode::REQUEST_TIMEOUT, &error),
            Self::NoRoom => message::try_again(&error),
            Self::BrokenOff | Self::Malformed(_) => {
                message::problem(StatusCode::BAD_REQUEST, &error)
            }
        }
    }

    /// Tells whether more of the body may still be on its way.
    pub(crate) const fn leaves_bytes(&self) -> bool {
        matches!(self, Self::TooLong(_) | Self::TooSlow(_) | Self::NoRoom | Self::Malformed(_))
    }
}

/// Collects a body of at most `limit` bytes, in at most `within`, holding each byte in `held`.
pub(crate) async fn collect(
    mut body: Incoming,
    limit: usize,
    within: Duration,
    held: &mut Held,
) -> (Bytes, Option<Fault>) {
    // Refused before a byte of it is read, so that `Expect: 100-continue` saves the client the sending.
    if body.size_hint().lower() > limit as u64 {
        return (Bytes::new(), Some(Fault::TooLong(limit)));
    }
    let mut bytes = BytesMut::new();
    let fault = match tokio::time::timeout(within, fill(&mut body, limit, held, &mut bytes)).await {
        Ok(Ok(())) => None,
        Ok(Err(fault)) => Some(fault),
        Err(_) => Some(Fault::TooSlow(within)),
    };
    (bytes.freeze(), fault)
}

async fn fill(
    body: &mut Incoming,
    limit: usize,
    held: &mut Held,
    bytes: &mut BytesMut,
) -> Result<(), Fault> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| fault(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > limit - bytes.len() {
            return Err(Fault::TooLong(limit));
        }
        if !held.grow(data.len()) {
            return Err(Fault::NoRoom);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(())
}

/// hyper has no public names for these: what broke off ends in an error of IO, and a malformed chunk in
/// one whose kind is about the data.
fn fault(error: &hyper::Error) -> Fault {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(at) = cause {
        if let Some(io) = at.downcast_ref::<io::Error>() {
            return match io.kind() {
                io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                    Fault::Malformed(io.to_string())
                }
                _ => Fault::BrokenOff,
            };
        }
        cause = at.source();
    }
    Fault::BrokenOff
}
