//! Collects a body, chunk by chunk, within its limits.
//!
//! A body of hyper comes in; its bytes go out, as many as came, with what kept the rest from coming. A
//! body that broke off is never taken for a whole one, nor for none.

use std::error::Error;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::{HeaderMap, StatusCode};
use ringback_exchange::Reply;
use tokio::time::{Instant, timeout_at};

use crate::budget::Held;
use crate::message;

/// How much of an announced length is taken for true before a byte of it has come.
const BELIEVED_BYTES: usize = 64 << 10;

/// What kept a body from being whole, or from being taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is longer than this many bytes.
    TooLong(usize),
    /// It had not ended after this time.
    TooSlow(Duration),
    /// It came slower than it must.
    Trickle {
        /// The least.
        bytes_per_second: usize,
        /// How long it may be slower at the beginning.
        grace: Duration,
    },
    /// All bodies together are more than may be held.
    NoRoom,
    /// The connection ended before the body did.
    BrokenOff,
    /// Its chunks are not chunks.
    Malformed(String),
    /// It is whole, but where it ends is a matter of opinion.
    Ambiguous(String),
}

impl Fault {
    /// Says it in a sentence, for the store and for people.
    pub(crate) fn to_sentence(&self, bytes: usize) -> String {
        match self {
            Self::TooLong(limit) => format!("the body is longer than {limit} bytes"),
            Self::TooSlow(limit) => {
                format!("the body had not ended after {limit:?}; {bytes} bytes had come")
            }
            Self::Trickle { bytes_per_second, grace } => format!(
                "the body came slower than {bytes_per_second} bytes a second after {grace:?}; \
                 {bytes} bytes had come"
            ),
            Self::NoRoom => {
                format!("too many bytes are held for other requests; {bytes} of this body had come")
            }
            Self::BrokenOff => format!("the body broke off after {bytes} bytes"),
            Self::Malformed(why) => format!("the body is malformed after {bytes} bytes: {why}"),
            Self::Ambiguous(why) => format!("the request can be read in two ways: {why}"),
        }
    }

    /// Makes the reply to a request whose body has the fault.
    pub(crate) fn reply(&self, bytes: usize) -> Reply {
        let error = self.to_sentence(bytes);
        match self {
            Self::TooLong(_) => message::problem(StatusCode::PAYLOAD_TOO_LARGE, &error),
            Self::TooSlow(_) | Self::Trickle { .. } => {
                message::problem(StatusCode::REQUEST_TIMEOUT, &error)
            }
            Self::NoRoom => message::try_again(&error),
            Self::BrokenOff | Self::Malformed(_) | Self::Ambiguous(_) => {
                message::problem(StatusCode::BAD_REQUEST, &error)
            }
        }
    }

    /// Tells whether more of the body may still be on its way.
    pub(crate) const fn leaves_bytes(&self) -> bool {
        !matches!(self, Self::BrokenOff)
    }
}

/// How long a body may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// As a whole.
    pub(crate) within: Duration,
    /// How many bytes a second it must have at the least, from the end of the grace on.
    pub(crate) least: Option<Least>,
}

/// The slowest that a body may come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Least {
    pub(crate) bytes_per_second: usize,
    pub(crate) grace: Duration,
}

impl From<Duration> for Pace {
    fn from(within: Duration) -> Self {
        Self { within, least: None }
    }
}

impl Pace {
    /// Returns until when more must have come than the first `bytes`, and what it is when it has not.
    fn deadline(&self, begun: Instant, bytes: usize) -> (Option<Instant>, Fault) {
        let whole = begun.checked_add(self.within);
        if let Some(Least { bytes_per_second, grace }) = self.least {
            let earned = Duration::from_secs(bytes as u64)
                / u32::try_from(bytes_per_second).unwrap_or(u32::MAX).max(1);
            let paced = begun.checked_add(grace.saturating_add(earned));
            if paced.is_some_and(|paced| whole.is_none_or(|whole| paced < whole)) {
                return (paced, Fault::Trickle { bytes_per_second, grace });
            }
        }
        (whole, Fault::TooSlow(self.within))
    }
}

/// What came of a body.
#[derive(Debug)]
pub(crate) struct Collected {
    /// As many bytes as came.
    pub(crate) bytes: Bytes,
    /// Why it is not whole, when it is not.
    pub(crate) fault: Option<Fault>,
    /// Trailer lines, as hyper understood them.
    pub(crate) trailers: Option<HeaderMap>,
}

/// Collects the body of a request, of at most `limit` bytes, holding each byte in `held`.
pub(crate) async fn read(body: Incoming, limit: usize, pace: Pace, held: &mut Held) -> Collected {
    if !body.is_end_stream() && held.is_tight() {
        return Collected { bytes: Bytes::new(), fault: Some(Fault::NoRoom), trailers: None };
    }
    take(body, limit, pace, held).await
}

/// Collects a body in the course of a request: there is room for it where there is none for a new one.
pub(crate) async fn collect(
    body: Incoming,
    limit: usize,
    within: Duration,
    held: &mut Held,
) -> (Bytes, Option<Fault>) {
    let Collected { bytes, fault, .. } = take(body, limit, within.into(), held).await;
    (bytes, fault)
}

async fn take(mut body: Incoming, limit: usize, pace: Pace, held: &mut Held) -> Collected {
    let mut collected = Collected { bytes: Bytes::new(), fault: None, trailers: None };
    // Refused before a byte of it is read, so that `Expect: 100-continue` saves the client the sending.
    if body.size_hint().lower() > limit as u64 {
        collected.fault = Some(Fault::TooLong(limit));
        return collected;
    }
    let mut bytes = Vec::new();
    match fill(&mut body, limit, pace, held, &mut bytes).await {
        Ok(trailers) => collected.trailers = trailers,
        Err(fault) => collected.fault = Some(fault),
    }
    // What is kept for long holds no more than it has.
    bytes.shrink_to_fit();
    collected.bytes = bytes.into();
    collected
}

async fn fill(
    body: &mut Incoming,
    limit: usize,
    pace: Pace,
    held: &mut Held,
    bytes: &mut Vec<u8>,
) -> Result<Option<HeaderMap>, Fault> {
    let begun = Instant::now();
    let mut trailers = None;
    loop {
        let (deadline, too_slow) = pace.deadline(begun, bytes.len());
        let next = body.frame();
        let frame = match deadline {
            Some(deadline) => timeout_at(deadline, next).await.map_err(|_| too_slow)?,
            // Further away than the clock can tell.
            None => next.await,
        };
        let Some(frame) = frame else { return Ok(trailers) };
        match frame.map_err(|error| fault(&error))?.into_data() {
            Ok(data) => {
                if data.len() > limit - bytes.len() {
                    return Err(Fault::TooLong(limit));
                }
                make_room(bytes, data.len(), body.size_hint().exact(), limit, held)?;
                bytes.extend_from_slice(&data);
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
}

/// Makes room for `more` bytes. What is held is what is allocated, not only what is used of it: only so
/// the limit on all bodies is one on memory.
fn make_room(
    bytes: &mut Vec<u8>,
    more: usize,
    to_come: Option<u64>,
    limit: usize,
    held: &mut Held,
) -> Result<(), Fault> {
    let needed = bytes.len() + more;
    if needed <= bytes.capacity() {
        return Ok(());
    }
    // A length that is announced is believed as far as doubling would go anyway: whoever announces
    // much and sends nothing takes nothing.
    let doubled = needed.max(bytes.capacity().saturating_mul(2)).min(limit);
    let announced =
        to_come.map(|left| needed.saturating_add(usize::try_from(left).unwrap_or(usize::MAX)));
    let capacity = announced
        .map_or(doubled, |announced| announced.min(doubled.max(BELIEVED_BYTES)))
        .max(needed);
    if !held.grow(capacity - bytes.capacity()) {
        return Err(Fault::NoRoom);
    }
    bytes.reserve_exact(capacity - bytes.len());
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn every_byte_earns_its_time() {
        let least = Least { bytes_per_second: 100, grace: 5 * SECOND };
        let pace = Pace { within: 30 * SECOND, least: Some(least) };
        let begun = Instant::now();
        let left = |bytes| {
            let (deadline, fault) = pace.deadline(begun, bytes);
            (deadline.unwrap() - begun, matches!(fault, Fault::TooSlow(_)))
        };
        assert_eq!(left(0), (5 * SECOND, false));
        assert_eq!(left(1_000), (15 * SECOND, false));
        assert_eq!(left(1_000_000), (30 * SECOND, true), "but no more than the whole");
        let endless = Pace::from(Duration::MAX);
        assert_eq!(endless.deadline(begun, 0).0, None);
    }

    #[test]
    fn what_is_held_is_what_is_allocated() {
        let budget = crate::budget::Budget::new(1 << 20);
        let mut held = budget.hold();
        let mut bytes = Vec::new();
        // A length of 4 MiB that was only announced takes no more than is believed of it.
        make_room(&mut bytes, 10, Some(4 << 20), 8 << 20, &mut held).unwrap();
        assert_eq!(bytes.capacity(), BELIEVED_BYTES);
        // A length that is known is met exactly.
        let mut exact = Vec::new();
        make_room(&mut exact, 1_000, Some(4_000), 8 << 20, &mut held).unwrap();
        assert_eq!(exact.capacity(), 5_000);
        // Chunks double, and end at the limit.
        let mut chunks = vec![0; 600];
        make_room(&mut chunks, 100, None, 1_000, &mut held).unwrap();
        assert_eq!(chunks.capacity(), 1_000);
        assert!(make_room(&mut Vec::new(), 2 << 20, None, 8 << 20, &mut held).is_err(), "no room");
    }
}
